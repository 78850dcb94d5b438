import type { Json, JsonObject } from '../../core/index.js'

/** What a file was recognised as. */
export type ImportFormat = 'records' | 'label-studio' | 'promptfoo'

/** One part of a row and the field that it comes from. */
export interface FieldChoice {
  /** The field of the written samples. */
  readonly field: string
  /** The field of the source: `text`, or `data.text` for a nested one. Absent for ids that the import makes. */
  readonly from?: string | undefined
  /** Why this field was chosen, with counts, types and lengths. */
  readonly reason: string
}

/** The proposed projection of samples to rows. */
export interface ProposedProjection {
  readonly id: FieldChoice
  readonly input: FieldChoice
  readonly target: FieldChoice
  readonly group?: FieldChoice | undefined
  readonly slices: readonly FieldChoice[]
}

/** Why records of the source do not become samples. */
export type LeftOutRecord =
  | 'not-an-object'
  | 'not-json'
  | 'no-input'
  | 'no-target'
  | 'copy'
  | 'already-in-project'
  | 'like-evaluation-item'
  | 'cancelled'
  | 'annotators-disagree'
  | 'not-one-answer'
  | 'without-value'
  | 'no-equals-assertion'

export interface LeftOutSample {
  readonly reason: LeftOutRecord
  readonly count: number
  /** Where the first of them are in the source: `line 3`, `[2]`. At most 5. */
  readonly places: readonly string[]
}

/** How the samples are divided between training and evaluation. */
export interface ImportSplit {
  /**
   * `pinned`: the import pins an evaluation set. `kept`: the project has one, which stays as it is, so that all new samples are
   * training data.
   */
  readonly kind: 'pinned' | 'kept'
  /** Items of the evaluation set. */
  readonly evaluation: number
  /** Samples that are not in it, those of the project included. */
  readonly training: number
  /** The share that was asked for, 0..1. Absent for `kept`. */
  readonly share?: number | undefined
  /** Samples that were pinned or not pinned together with others, because they share a group or have nearly the same text. */
  readonly together: number
}

/** Everything that an import would do, as plain JSON. Contains no input of a sample. */
export interface DataImportPlan {
  readonly source: string
  readonly format: ImportFormat
  /** Number of records in the source. */
  readonly records: number
  /** The folder is no project yet; the import makes one, like `sheikh init --empty`. */
  readonly createsProject: boolean
  readonly projection: ProposedProjection
  /** The JSON Schema (draft-07) that the import writes. Absent if the project keeps its own. */
  readonly schema?: JsonObject | undefined
  /** Number of samples that are written. */
  readonly samples: number
  /** Number of samples per label, most frequent first; at most 100 labels. */
  readonly labels: Readonly<Record<string, number>>
  /** Number of different labels. */
  readonly differentLabels: number
  readonly leftOut: readonly LeftOutSample[]
  readonly split: ImportSplit
  /** Files that are created, and the settings of `sheikh init` that are completed. Below the project's folder. Without files that have this content already. */
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[]
  /** What a person should know before applying the plan. */
  readonly notes: readonly string[]
  /** Why the plan cannot be applied. Empty: it can. */
  readonly problems: readonly string[]
}

/** A record of the source, before anything is chosen. */
export interface SourceRecord {
  readonly value: Readonly<Record<string, Json>>
  /** Where it is in the source: `line 3`, `[2]`. */
  readonly place: string
}

/** The records of a source, and what its format already decides. */
export interface SourceRecords {
  readonly format: ImportFormat
  readonly records: readonly SourceRecord[]
  readonly leftOut: readonly { readonly reason: LeftOutRecord; readonly place: string }[]
  readonly notes: readonly string[]
  /** Fields that the format itself names. */
  readonly known: { readonly id?: string; readonly target?: string }
}
