import { digestBytes, type Json, SheikhError } from '../../core/index.js'
import { areLabels } from '../../dataset/index.js'
import type { SourceRecord } from './plan.js'

const maximumColumns = 1000
const maximumDepth = 3
/** Different values whose counts are kept, per column. */
const maximumCounted = 1000
const longestLabel = 256

export type ValueKind = 'text' | 'number' | 'boolean' | 'list' | 'object'

/** What a field contains over all records. */
export interface Column {
  /** Keys from the record down: `['data', 'text']`. */
  readonly path: readonly string[]
  /** `data.text`. */
  readonly name: string
  readonly records: number
  /** Records in which the field has a value: neither absent, `null` nor empty text. */
  readonly present: number
  readonly kinds: ReadonlyMap<ValueKind, number>
  readonly distinct: number
  /** Records per value, as text; absent if there are more than 1,000 different ones. */
  readonly counts?: ReadonlyMap<string, number> | undefined
  /** Of texts, in UTF-16 code units. */
  readonly meanLength: number
  readonly maximumLength: number
  /** Values that are calendar dates or times. */
  readonly dates: number
  /** Values that are numbers with a fraction, also as text. */
  readonly fractions: number
}

// ISO 8601 dates and times, and the orders 31.12.2026 and 12/31/2026.
const datePattern =
  /^(?:\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z| ?[+-]\d{2}:?\d{2}| UTC)?)?|\d{1,2}[./]\d{1,2}[./]\d{2,4})$/
const fractionPattern = /^[+-]?\d*[.,]\d+(?:e[+-]?\d+)?$/i

interface Counting {
  readonly path: readonly string[]
  present: number
  readonly kinds: Map<ValueKind, number>
  readonly distinct: Set<string>
  readonly counts: Map<string, number>
  total: number
  longest: number
  dates: number
  fractions: number
}

/**
 * Describes every field of the records, nested ones down to three levels.
 *
 * @throws `dataset-invalid` for records of more than 1,000 fields.
 */
export function columnsOf(records: readonly SourceRecord[]): readonly Column[] {
  const found = new Map<string, Counting>()
  for (const { value } of records) visit(value, [], found)
  return [...found.values()].map(({ path, distinct, counts, total, longest, ...counted }) => ({
    ...{ path, name: path.join('.'), records: records.length },
    ...{ present: counted.present, kinds: counted.kinds, distinct: distinct.size },
    ...(distinct.size <= maximumCounted && { counts }),
    ...{ meanLength: counted.kinds.has('text') ? total / counted.kinds.get('text')! : 0, maximumLength: longest },
    ...{ dates: counted.dates, fractions: counted.fractions },
  }))
}

function visit(value: Readonly<Record<string, Json>>, above: readonly string[], found: Map<string, Counting>): void {
  for (const [key, member] of Object.entries(value)) {
    const path = [...above, key]
    const name = JSON.stringify(path)
    let column = found.get(name)
    if (column === undefined) {
      if (found.size >= maximumColumns)
        throw new SheikhError(
          'dataset-invalid',
          `Cannot import the data: the records have more than ${maximumColumns.toLocaleString('en')} fields. Keep only the fields that samples need.`,
        )
      column = {
        ...{ path, present: 0, total: 0, longest: 0, dates: 0, fractions: 0 },
        ...{ kinds: new Map(), distinct: new Set(), counts: new Map() },
      }
      found.set(name, column)
    }
    count(column, member)
    if (kindOf(member) === 'object' && path.length < maximumDepth)
      visit(member as Readonly<Record<string, Json>>, path, found)
  }
}

function count(column: Counting, value: Json): void {
  const kind = kindOf(value)
  if (kind === undefined) return
  column.present += 1
  column.kinds.set(kind, (column.kinds.get(kind) ?? 0) + 1)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (kind === 'text') {
    column.total += text.length
    column.longest = Math.max(column.longest, text.length)
  }
  // A digest stands for a long value, so that the values of a column need little memory.
  const key = text.length <= longestLabel ? text : digestBytes(text)
  column.distinct.add(key)
  if (column.counts.size <= maximumCounted) column.counts.set(key, (column.counts.get(key) ?? 0) + 1)
  if (text.length <= 40 && kind !== 'list' && kind !== 'object') {
    if (datePattern.test(text.trim())) column.dates += 1
    else if (fractionPattern.test(text.trim())) column.fractions += 1
  }
}

/** `undefined` for a value that counts as absent. */
export function kindOf(value: Json | undefined): ValueKind | undefined {
  if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) return undefined
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number') return 'number'
  if (typeof value === 'boolean') return 'boolean'
  return Array.isArray(value) ? 'list' : 'object'
}

export const isScalar = ({ kinds }: Column): boolean => !kinds.has('list') && !kinds.has('object')
export const isText = ({ kinds, present }: Column): boolean => (kinds.get('text') ?? 0) * 10 >= present * 9

/** Why the values cannot be labels; `undefined` if they can. */
export function whyNoLabels(column: Column, fewest = 2): string | undefined {
  const { present, distinct, dates, fractions, maximumLength } = column
  if (present === 0) return 'it is empty'
  if (!isScalar(column)) return 'it contains lists or objects'
  if (dates * 10 >= present * 9) return 'it contains dates'
  if (distinct < fewest) return 'it has only one value'
  if (maximumLength > longestLabel) return `it contains texts of up to ${number(maximumLength)} characters`
  if (fractions * 2 > present) return 'it contains numbers with a fraction, which are measurements'
  if (!areLabels(distinct, present))
    return `its values rarely repeat (${number(distinct)} different values in ${number(present)} records)`
  return undefined
}

const kindNames: Readonly<Record<ValueKind, string>> = {
  text: 'text',
  number: 'numbers',
  boolean: 'booleans',
  list: 'lists',
  object: 'objects',
}

/** `text, 990 different values in 1,000 records, 85 characters on average`. */
export function describeColumn(column: Column): string {
  const { kinds, present, records, distinct, meanLength, maximumLength } = column
  const types = [...kinds].sort(([, one], [, other]) => other - one)
  const named =
    types.length === 1
      ? kindNames[types[0]![0]]
      : `mixed types (${types.map(([kind, count]) => `${kindNames[kind]} ${number(count)}`).join(', ')})`
  const missing = present === records ? '' : `, missing in ${number(records - present)}`
  const length =
    kinds.has('text') && meanLength >= 20
      ? `, ${number(Math.round(meanLength))} characters on average, at most ${number(maximumLength)}`
      : ''
  return `${named}, ${number(distinct)} different values in ${number(present)} records${missing}${length}`
}

export const number = (value: number): string => value.toLocaleString('en')

/** `1 record`, `2,000 records`. */
export const counted = (value: number, noun: string): string => `${number(value)} ${noun}${value === 1 ? '' : 's'}`

/** The value of a column in a record. */
export function valueAt(record: Readonly<Record<string, Json>>, path: readonly string[]): Json | undefined {
  let value: Json | undefined = record
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined
    value = (value as Readonly<Record<string, Json>>)[key]
  }
  return value
}
