import type { CallContext, Digest, Json } from '../core/index.js'
import type { Prediction } from '../model/index.js'

/** An answer that a server gave: what was asked, what was answered, and by which release. */
export interface LoggedPrediction {
  readonly kind: 'prediction'
  /** `<id of the request>/<index of the input in it, from 0>`. The id of the request is in the header `sheikh-prediction`. */
  readonly id: string
  /** When it was answered, in milliseconds since 1970. */
  readonly timeMs: number
  readonly release: { readonly version: string; readonly bundle: Digest }
  readonly input: Json
  readonly prediction: Prediction
  /** The live test that chose the release, if one was running. */
  readonly experiment?: ExperimentPlace | undefined
}

/** What a live test gave to whom. */
export interface ExperimentPlace {
  /** The name of the live test. */
  readonly name: string
  readonly variant: 'control' | 'treatment'
  /** Who or what always gets the same variant: a user, a session, a document. A pseudonym. */
  readonly unit: string
  /** The step of the live test, from 0. Each step has its own share of traffic. */
  readonly step: number
}

/** A live test chose a variant for a unit, and no prediction was logged, such as for a feature flag. */
export interface Exposure {
  readonly kind: 'exposure'
  readonly id: string
  readonly timeMs: number
  readonly experiment: ExperimentPlace
}

/** A number that the host measured for a unit of a live test, such as a purchase or the duration of a visit. */
export interface Outcome {
  readonly kind: 'outcome'
  readonly id: string
  readonly timeMs: number
  readonly experiment: Pick<ExperimentPlace, 'name' | 'unit'>
  readonly metric: string
  readonly value: number
}

/** What somebody said about an answer. */
export type FeedbackContent =
  | { readonly kind: 'thumb'; readonly isUp: boolean }
  /** What the answer should have been: a label, a number or a text. */
  | { readonly kind: 'correction'; readonly target: Json }
  /** From 0 (worst) to 1 (best). */
  | { readonly kind: 'rating'; readonly score: number }
  | { readonly kind: 'text'; readonly text: string }

/** What somebody said about an answer, and who. */
export interface Feedback {
  readonly kind: 'feedback'
  /** Unique. Feedback with an id that is known is not added again. */
  readonly id: string
  /** The id of the `LoggedPrediction`. */
  readonly prediction: string
  readonly timeMs: number
  /** Who said it, as a stable pseudonym: limits and agreement are counted by source. */
  readonly source: string
  readonly content: FeedbackContent
}

export type FeedbackEntry = LoggedPrediction | Feedback | Exposure | Outcome

/** Where answers and what people say about them are kept. Entries are added, and never changed. */
export interface FeedbackStore {
  /**
   * Adds entries, all of them or none. An entry whose id is known is left out, so an append that failed can be repeated: it is
   * unknown which of the two happened.
   *
   * @returns how many were added.
   * @throws `storage-failed`.
   */
  append(entries: readonly FeedbackEntry[], context: CallContext): Promise<number>
  /** Reads entries in the order in which they were added. @throws `storage-failed`, `artifact-corrupt`. */
  read(range: FeedbackRange, context: CallContext): AsyncIterable<FeedbackEntry>
  /** The answer with this id. @throws `storage-failed`, `artifact-corrupt`. */
  prediction(id: string, context: CallContext): Promise<LoggedPrediction | undefined>
  /** Erases entries, so that a person's consent can be withdrawn. Unknown ids are ignored. @throws `storage-failed`. */
  erase(ids: readonly string[], context: CallContext): Promise<void>
  /**
   * A random text of 64 hexadecimal digits that the store makes once and keeps. Sources are made pseudonyms with it.
   *
   * @throws `storage-failed`.
   */
  secret(context: CallContext): Promise<string>
}

/** Entries whose `timeMs` is in `[fromMs, untilMs)`. */
export interface FeedbackRange {
  /** @default the first entry */
  readonly fromMs?: number | undefined
  /** @default the last entry */
  readonly untilMs?: number | undefined
}
