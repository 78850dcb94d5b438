import type { ScoreFileFields } from './read-options.js'
import { invalidRow, isSet, member, type Place, shown, shownJson, type ToolRow } from './rows.js'

/** Answers of a pass column, in any case. */
const answers: Readonly<Record<string, number>> = {
  ...{ true: 1, pass: 1, passed: 1, yes: 1, correct: 1, success: 1, '1': 1 },
  ...{ false: 0, fail: 0, failed: 0, no: 0, incorrect: 0, failure: 0, '0': 0 },
}
const failures = ['error', 'timeout']

/** Converts a row of any kind to `{ id, score, group, slices }`, by the paths that are given. */
export function mapped(row: ToolRow, fields: ScoreFileFields, place: Place): ToolRow {
  const wrong = (fact: string) =>
    invalidRow(place, `${fact}. The row is ${shownJson(row)}`, 'Correct the path, or the row')
  const found = (flag: string, path: string) => {
    const value = at(row, path)
    if (value === undefined) throw wrong(`--${flag} names "${shown(path, 80)}", which the row does not have`)
    return value
  }
  const result = new Map<string, unknown>(Object.entries(row))
  if (fields.id !== undefined) result.set('id', found('id', fields.id))
  if (fields.group !== undefined) result.set('group', at(row, fields.group))
  if (fields.slices !== undefined) result.set('slices', slicesAt(row, fields.slices, place))
  if (fields.score !== undefined || fields.pass !== undefined)
    for (const name of ['scores', 'score']) result.delete(name)
  // A row whose evaluation failed has no score.
  const failed = isSet(member(row, 'error')) || failures.includes(wordOf(member(row, 'outcome')))
  const scoreAt = (flag: string, path: string) => (failed ? at(row, path) : found(flag, path))
  if (fields.score !== undefined) result.set('score', scoreAt('score', fields.score) ?? null)
  if (fields.pass !== undefined) {
    const value = scoreAt('pass', fields.pass)
    const word = wordOf(value)
    if (failures.includes(word)) result.set('outcome', word)
    else if (value === null || value === undefined || value === '') result.set('score', null)
    else if (Object.hasOwn(answers, word)) result.set('score', answers[word])
    else
      throw wrong(
        `--pass names "${shown(fields.pass, 80)}", whose value ${shownJson(value, 40)} is neither pass nor fail`,
      )
  }
  return Object.fromEntries(result)
}

/** A word or number in lower case; empty for a list or an object. */
const wordOf = (value: unknown) => (typeof value === 'object' ? '' : String(value).trim().toLowerCase())

/** `undefined` for an item without any of them. */
export function slicesAt(row: ToolRow, paths: readonly string[], place: Place): Readonly<Record<string, string>> {
  return Object.fromEntries(
    paths.flatMap((path) => {
      const [kind, from] = kindAndPath(path)
      const value = at(row, from)
      if (value === undefined || value === null || value === '') return []
      if (typeof value === 'object')
        throw invalidRow(place, `--slice names "${shown(path, 80)}", which is not text`, 'Name a field with text')
      return [[kind, String(value)]]
    }),
  )
}

/** The kind of slice, and the path of its name: `language=meta.language`. */
export function kindAndPath(slice: string): readonly [kind: string, path: string] {
  const [, kind, path] = /^([^=]+)=(.+)$/s.exec(slice) ?? []
  return [kind ?? slice, path ?? slice]
}

/** The value at a path: a JSON Pointer (`/meta/language`), a member's whole name, or names with dots (`meta.language`). */
export function at(row: unknown, path: string): unknown {
  if (Object.hasOwn(Object(row), path)) return member(row, path)
  const names = path.startsWith('/')
    ? path
        .slice(1)
        .split('/')
        .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    : path.split('.')
  let value = row
  for (const name of names) {
    if (Array.isArray(value)) value = /^\d+$/.test(name) ? value[Number(name)] : undefined
    else value = member(value, name)
  }
  return value
}
