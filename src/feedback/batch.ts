import {
  type Digest,
  digest,
  finite,
  fits,
  type Json,
  type JsonObject,
  list,
  object,
  optional,
  text,
  word,
} from '../core/index.js'

/** Samples made of feedback, for a person to review. */
export interface FeedbackBatch {
  /** Twelve hexadecimal digits of the digest of the samples: equal samples make an equal batch. */
  readonly id: string
  /** Sorted by id. */
  readonly samples: readonly FeedbackSample[]
  readonly leftOut: readonly LeftOutFeedback[]
  /** How many answers the samples change, by answer and target, the most frequent first. Only labels. */
  readonly labelChanges: readonly LabelChange[]
}

export interface FeedbackSample {
  readonly sample: JsonObject
  readonly origin: SampleOrigin
}

/** Where a sample comes from. Contains no text of the input. */
export interface SampleOrigin {
  readonly id: string
  /** The digest of the sample, as the dataset reads it. */
  readonly sampleDigest: Digest
  /** Ids of the answers that people spoke about. */
  readonly predictions: readonly string[]
  /** Versions of the releases that answered. */
  readonly releases: readonly string[]
  /** Ids of the feedback that supports the target. */
  readonly feedback: readonly string[]
  /** Pseudonyms of those who gave it. */
  readonly sources: readonly string[]
  /** When the first and the last of them spoke, in milliseconds since 1970. */
  readonly firstMs: number
  readonly lastMs: number
}

export interface LabelChange {
  readonly from: string
  readonly to: string
  readonly samples: number
}

/** Feedback about one input that made no sample, and why. */
export interface LeftOutFeedback {
  readonly reason: LeftOutReason
  /** The fact, without text of the input. */
  readonly detail: string
  readonly predictions: readonly string[]
  readonly feedback: readonly string[]
  readonly sources: readonly string[]
}

export type LeftOutReason =
  /** The store does not have the answer. */
  | 'unknown-prediction'
  /** Nobody said what the answer should be. */
  | 'no-target'
  /** The answer was confirmed, and confirmed answers are not asked for. */
  | 'confirmed'
  /** Sources contradict each other. */
  | 'conflict'
  | 'too-few-sources'
  /** The input cannot be written as a sample. */
  | 'not-a-sample'
  /** The schema or the projection refuses the sample. */
  | 'invalid'
  /** No sample of the dataset has this label. */
  | 'unknown-label'
  | 'secret'
  /** Equal or similar to a row that models are judged on, or of the group of one. */
  | 'evaluation'
  /** Equal or similar to a row of the dataset, or to another sample of the batch. */
  | 'duplicate'
  | 'source-limit'
  | 'source-share'

/** What `dataset/feedback/<batch>.json` records: where each sample of a batch comes from, and whether the batch was undone. */
export interface BatchRecord {
  readonly formatVersion: 1
  readonly batch: string
  /** The file of the samples, below the project's folder. */
  readonly path: string
  readonly samples: readonly SampleOrigin[]
  readonly undone?: { readonly atMs: number; readonly by: string; readonly reason?: string | undefined } | undefined
}

const originShape = object({
  id: text,
  sampleDigest: digest,
  predictions: list(text),
  releases: list(text),
  feedback: list(text),
  sources: list(text),
  firstMs: finite,
  lastMs: finite,
})

const recordShape = object({
  formatVersion: word(1),
  batch: text,
  path: text,
  samples: list(originShape),
  undone: optional(object({ atMs: finite, by: text, reason: optional(text) })),
})

/** Reads a record. `undefined` if the text is not one. */
export function parseBatchRecord(content: string): BatchRecord | undefined {
  try {
    const value: unknown = JSON.parse(content)
    return fits(recordShape, value) ? value : undefined
  } catch {
    return undefined
  }
}

export const formatBatchRecord = (record: BatchRecord): string => `${JSON.stringify(record, null, 1)}\n`

/** One sample per line. */
export const formatSamples = (samples: readonly Json[]): string =>
  samples.map((sample) => `${JSON.stringify(sample)}\n`).join('')
