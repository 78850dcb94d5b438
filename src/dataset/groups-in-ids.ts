/** Maximum number of sorted ids to examine. Members of a group are neighbours. */
const mostIds = 20_000
/** With fewer prefixes, they are kinds or files (`spam-001`), not groups. */
const fewestPrefixes = 10
const largestGroup = 50
// A separator and a short number, or one letter.
const member = /^(.*[^\s\-_./:#])[-_./:#](\d{1,3}|[a-z])$/i
// A calendar date also counts from 1 within its month.
const date = /\d{4}[-_./]\d{1,2}[-_./]\d{1,2}$/

export interface GroupsInIds {
  readonly prefixes: number
  /** A prefix, such as `thread-7` of `thread-7-1` and `thread-7-2`. */
  readonly example: string
}

/**
 * Groups that ids suggest, such as `thread-7-1` and `thread-7-2`; `undefined` if they suggest none.
 *
 * Ids suggest groups if most of them are a prefix and a counter that starts again at 0, 1 or a in every prefix.
 */
export function groupsInIds(ids: {
  readonly length: number
  at(index: number): string | undefined
}): GroupsInIds | undefined {
  const counters = new Map<string, Set<string>>()
  const looked = Math.min(ids.length, mostIds)
  for (let index = 0; index < looked; index += 1) {
    const id = ids.at(index)!
    const [, prefix, counter] = date.test(id) ? [] : (member.exec(id) ?? [])
    if (prefix === undefined || counter === undefined) continue
    const key = /^\d+$/.test(counter) ? String(Number(counter)) : counter.toLowerCase()
    counters.set(prefix, (counters.get(prefix) ?? new Set()).add(key))
  }
  const found = [...counters].filter(([, { size }]) => size >= 2 && size <= largestGroup)
  const restarting = found.filter(([, keys]) => ['0', '1', 'a'].some((first) => keys.has(first)))
  const covered = restarting.reduce((sum, [, { size }]) => sum + size, 0)
  if (restarting.length < fewestPrefixes || covered < looked / 2) return undefined
  return { prefixes: restarting.length, example: restarting[0]![0] }
}
