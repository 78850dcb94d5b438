import type { Json, JsonObject } from '../../core/index.js'
import type { FeedbackContent } from '../feedback.js'

/** A tool whose output is read as feedback. */
export type FeedbackFormat = 'langfuse' | 'phoenix' | 'label-studio'

/** Why an item of a file gives no feedback. */
export type SkippedReason =
  | 'cancelled'
  | 'not-by-a-person'
  | 'without-prediction-id'
  | 'without-value'
  | 'not-one-answer'
  | 'score-not-in-0-1'

/** What one item of a file says: feedback whose source is not a pseudonym yet, or why it says nothing. */
export type Said =
  | { readonly skipped: SkippedReason }
  | {
      /** Unique in its tool. */
      readonly id: string
      readonly prediction: string
      readonly timeMs: number | undefined
      readonly source: string
      readonly contents: readonly FeedbackContent[]
    }

export interface FeedbackReader {
  readonly format: FeedbackFormat
  /** Whether an item of the file has the members of this tool. */
  readonly recognises: (item: JsonObject) => boolean
  readonly read: (item: JsonObject) => readonly Said[]
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? (value as readonly Json[]).filter((one) => isObject(one)) : []

export const textIn = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined

/** Tools write times in UTC, some without saying so. */
export function timeIn(...values: readonly (Json | undefined)[]): number | undefined {
  const text = values.find((value) => typeof value === 'string')
  const local = typeof text === 'string' ? /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)$/.exec(text) : null
  const timeMs = Date.parse(local === null ? String(text) : `${local[1]}T${local[2]}Z`)
  return Number.isFinite(timeMs) ? timeMs : undefined
}

/** The id of an answer: our own, of a request (its first answer) or of one of its answers. */
export function predictionId(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(value)) return undefined
  return /\/\d+$/.test(value) ? value : `${value}/0`
}

/** Words that people use for a thumb. */
export function thumbOf(label: string): FeedbackContent | undefined {
  if (/^(?:thumbs?[-_ ]?up|up|👍)$/i.test(label)) return { kind: 'thumb', isUp: true }
  if (/^(?:thumbs?[-_ ]?down|down|👎)$/i.test(label)) return { kind: 'thumb', isUp: false }
  return undefined
}

export const isShare = (value: Json | undefined): value is number =>
  typeof value === 'number' && value >= 0 && value <= 1
