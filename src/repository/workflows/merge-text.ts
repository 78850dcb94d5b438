import { diff3Merge } from 'node-diff3'

export type Merged =
  | { readonly text: string }
  /** Numbers of the lines of `mine` where both sides changed the same place in different ways, from 1. */
  | { readonly conflictLines: readonly number[] }

/** The comparison takes time that grows with the square of this number. */
const longestFileLines = 5_000

/**
 * Merges by lines: applies to `mine` what changed from `base` to `theirs`. Line ends are those of `mine`.
 *
 * The algorithm is that of GNU diff3, as the package node-diff3 implements it.
 */
export function mergeText(mine: string, base: string, theirs: string): Merged {
  const lineEnd = mine.includes('\r\n') ? '\r\n' : '\n'
  const [own, old, next] = [mine, base, theirs].map((text) => text.split(/\r?\n/)) as [string[], string[], string[]]
  if (own.length > longestFileLines) return { conflictLines: [longestFileLines] }
  const regions = diff3Merge(own, old, next, { excludeFalseConflicts: true })
  const conflictLines = regions.flatMap(({ conflict }) => (conflict === undefined ? [] : [conflict.aIndex + 1]))
  if (conflictLines.length > 0) return { conflictLines }
  return { text: regions.flatMap(({ ok = [] }) => ok).join(lineEnd) }
}
