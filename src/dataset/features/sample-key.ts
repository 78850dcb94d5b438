import type { SourceSample } from '../dataset-types.js'
import { fieldOf } from '../row-projection.js'
import { nanosecondsOf, type TimeFormat, timeText } from './feature-time.js'

/** What a sample asks for: whose features, and as of when. */
export interface SampleKey {
  readonly key: string
  /** In the order of the fields; null if the sample has none. */
  readonly entities: readonly (string | null)[]
  readonly atNs: bigint
}

/** @returns why the sample has no key. */
export function sampleKeyOf(
  { value, inexact = [] }: Pick<SourceSample, 'value' | 'inexact'>,
  fields: readonly string[],
  { timestamp, ...format }: TimeFormat & { readonly timestamp: string },
): SampleKey | string {
  const time = fieldOf(value, timestamp)
  if (time === undefined || time === null || time === '')
    return `it has no time: the field ${JSON.stringify(timestamp)} is empty, and without it later features could be used`
  const atNs = nanosecondsOf(time, format)
  if (typeof atNs === 'string') return `its time ${JSON.stringify(timestamp)} ${atNs}`
  const entities: (string | null)[] = []
  for (const field of fields) {
    const entity = entityText(fieldOf(value, field))
    const isRounded = inexact.some(({ pointer, digits }) => pointer === `/${field}` && !/^-?\d+$/.test(digits))
    if (entity === undefined || isRounded)
      return `its entity ${JSON.stringify(field)} is neither a text, an integer, true nor false`
    entities.push(entity)
  }
  return { key: keyOf(entities, atNs), entities, atNs }
}

/** The same text in every format: a CSV file has only texts. `undefined` for a value that names no entity. */
export function entityText(value: unknown): string | null | undefined {
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'string') return value
  return Number.isInteger(value) || typeof value === 'boolean' ? String(value) : undefined
}

/** The beginning of a line of a snapshot, without the bracket. */
export const keyOf = (entities: readonly (string | null)[], atNs: bigint): string =>
  JSON.stringify([...entities, timeText(atNs)]).slice(1, -1)
