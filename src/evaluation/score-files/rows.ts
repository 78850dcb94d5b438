import { canonicalJson, digestJson, hexOf, type Json, SheikhError } from '../../core/index.js'
import type { ItemOutcome } from '../evaluation.js'

/** A result as a tool wrote it. */
export type ToolRow = Readonly<Record<string, unknown>>

/** A result of any tool, in the words of this package. */
export interface ItemRow {
  /** Equal for repeats of one item, and in every run of the same evaluation. */
  readonly item: string
  /** Values by metric. */
  readonly scores: Readonly<Record<string, number>>
  /** Metrics that this item should have. Without a value, it counts as not answered. */
  readonly expects: readonly string[]
  readonly outcome: ItemOutcome
  /** Why metrics have no value, if that differs by metric. @default an error */
  readonly failures?: ReadonlyMap<string, ItemOutcome> | undefined
  /** What was evaluated, if the file contains several systems. */
  readonly system?: string | undefined
  readonly group?: string | undefined
  readonly target?: Json | undefined
}

/** Where a row is in its file, for messages: `line 3`, `result 3`. */
export interface Place {
  readonly path: string
  readonly position: string
  /** For a file of lines. */
  readonly line?: number | undefined
}

/** Reads the rows of one tool. */
export interface ToolFormat {
  /** Whether a row has the members that rows of this tool always have. */
  readonly isRow: (row: ToolRow) => boolean
  /** `undefined` for a row that is no item, such as a skipped test. */
  readonly toItem: (row: ToolRow, place: Place) => ItemRow | undefined
  /** The metric that the tool itself shows first; `undefined` if several are equally important. */
  readonly headline?: (items: readonly ItemRow[]) => string | undefined
  /** What `--system` chooses from: "provider and prompt". */
  readonly systems?: string
  /** What a row that is no item is called: "skipped tests". */
  readonly others?: string
}

export const has = (row: ToolRow, ...names: readonly string[]): boolean =>
  names.every((name) => Object.hasOwn(row, name))

export const isRecord = (value: unknown): value is ToolRow =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A row's own member: `__proto__` and the like are members only if the file contains them. */
export const member = (row: unknown, name: string): unknown =>
  isRecord(row) && Object.hasOwn(row, name) ? row[name] : undefined

export const textMember = (row: unknown, name: string): string | undefined => {
  const value = member(row, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The finite numbers among the members. Booleans are 0 or 1. */
export function numbersIn(values: Iterable<readonly [name: string, value: unknown]>): Record<string, number> {
  const numbers: [string, number][] = []
  for (const [name, value] of values)
    if (typeof value === 'boolean') numbers.push([name, Number(value)])
    else if (typeof value === 'number' && Number.isFinite(value)) numbers.push([name, value])
  return Object.fromEntries(numbers)
}

/** A name for an item that has none: equal for equal content, and without the user's text. */
export function namedByContent(name: string, content: Json, place: Place): string {
  return `${name} ${hexOf(checkedDigest(content, place)).slice(0, 12)}`
}

/** @throws `evaluation-invalid` for what `JSON.parse` accepts but a digest does not, such as excessive depth. */
export function checkedDigest(content: unknown, place: Place) {
  try {
    return digestJson(content)
  } catch {
    throw invalidRow(place, 'it contains a lone surrogate, or too many levels', 'Shorten the input')
  }
}

/** A value of a row as JSON, or its digest if it has too many parts to keep. */
export function targetOf(value: unknown, place: Place): Json {
  if (value === undefined || value === null) return null
  const digest = checkedDigest(value, place)
  return canonicalJson(value as Json).length > 200 ? digest : (value as Json)
}

/** Whether the `error` of a row says that there was one. */
export const isSet = (error: unknown) => error !== undefined && error !== null && error !== false && error !== ''

export const isTimeout = (message: string): boolean => /\btime[ds]?[ -]?out\b/i.test(message)

export const invalidRow = ({ path, position, line }: Place, fact: string, remedy: string) =>
  new SheikhError('evaluation-invalid', `Cannot use "${path}", ${position}: ${fact}. ${remedy}.`, {
    facts: { path, ...(line !== undefined && { line }) },
  })

export const invalidFile = (path: string, fact: string, remedy: string) =>
  new SheikhError('evaluation-invalid', `Cannot use "${path}": ${fact}. ${remedy}.`, { facts: { path } })

/** Text of a file, cut and escaped, so that it cannot move a cursor or reorder a line. */
export function shown(text: string, maximumLength = 200): string {
  const cut = text.length > maximumLength ? `${text.slice(0, maximumLength).toWellFormed()}…` : text
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}

/** A value of a file as JSON, cut and escaped. */
export function shownJson(value: unknown, maximumLength?: number): string {
  try {
    return shown(JSON.stringify(value) ?? 'undefined', maximumLength)
  } catch {
    return 'nested too deeply to show' // JSON.stringify recurses, JSON.parse does not
  }
}

/** A list for a message: at most eight quoted names. */
export function listed(names: readonly string[]): string {
  const some = names.slice(0, 8).map((name) => `"${shown(name, 80)}"`)
  return names.length > 8 ? `${some.join(', ')} and ${names.length - 8} more` : some.join(', ')
}
