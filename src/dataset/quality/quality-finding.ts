import type { LabelMoves } from './relabelled.js'
import type { TokenCounts } from './token-counter.js'

/** What a check of data quality can find. */
export const qualityKinds = [
  'secret',
  'leakage',
  'license',
  'source',
  'label-conflict',
  'label-error',
  'duplicate',
  'balance',
  'drift',
  'relabelled',
  'empty-text',
  'oversized-text',
  'token-limit',
  'charset',
  'personal-data',
] as const

export type QualityKind = (typeof qualityKinds)[number]

/** A finding of one of the kinds. JSON. Contains no text of samples. */
export type QualityFinding = QualityFindingBase &
  (
    | {
        readonly kind: 'duplicate'
        /** `exact`: all inputs are equal. `near`: they share most pairs of neighbouring words, or all words. */
        readonly match: 'exact' | 'near'
        readonly part: 'training' | 'evaluation'
      }
    | {
        readonly kind: 'leakage'
        readonly match: 'exact' | 'near'
        /** Rows of the evaluation set that the training rows in `ids` repeat. */
        readonly evaluationIds: readonly string[]
      }
    | {
        readonly kind: 'label-conflict'
        readonly match: 'exact' | 'near'
        /** Number of rows per label. */
        readonly labels: Readonly<Record<string, number>>
      }
    | {
        readonly kind: 'label-error'
        readonly label: string
        readonly suggested: string
        /** Of the suggested label, from a model that did not learn from the row, 0..1. */
        readonly probability: number
      }
    | { readonly kind: 'balance'; readonly label: string; readonly rows: number }
    | {
        readonly kind: 'drift'
        /** `label`, or the kind of slice, such as `category`. */
        readonly of: string
        readonly value: string
        /** Whether more or fewer rows have the value than in the release. */
        readonly change: 'more' | 'fewer'
        readonly rows: number
        /** Corrected for the number of tests. */
        readonly pValue: number
        /** The total variation between the rows that came or went and the release, 0..1. */
        readonly effect: number
      }
    | {
        readonly kind: 'relabelled'
        /** The label in the release that lost the largest share of its rows to other labels. */
        readonly label: string
        /** That share, 0..1. */
        readonly share: number
      }
    | { readonly kind: 'empty-text' }
    | { readonly kind: 'oversized-text'; readonly characters: number }
    | {
        readonly kind: 'token-limit'
        readonly maximumTokens: number
        /** Of the longest of the samples. */
        readonly tokens: number
      }
    | {
        readonly kind: 'charset'
        readonly problem: 'replacement-character' | 'mojibake' | 'control-character' | 'mixed-normal-forms'
        /** JSON Pointers into the sample. */
        readonly fields: readonly string[]
      }
    | {
        readonly kind: 'secret'
        /** The rule that found it, such as `github`. */
        readonly rule: string
        readonly fields: readonly string[]
      }
    | {
        readonly kind: 'personal-data'
        readonly data: PersonalData
        readonly fields: readonly string[]
      }
    | {
        readonly kind: 'license' | 'source'
        /** Absent: the samples have none. */
        readonly value?: string | undefined
      }
  )

export type PersonalData = 'email' | 'phone' | 'iban' | 'card'

export interface QualityFindingBase {
  /** Eight hexadecimal digits that name the finding: equal as long as its kind and samples are. */
  readonly key: string
  readonly severity: 'fail' | 'warn'
  /** Ids of the samples, sorted. At least one. */
  readonly ids: readonly string[]
  /** The files of the first ten samples in `ids`. */
  readonly places: readonly QualityPlace[]
  /** The fact and the remedy, for a person. */
  readonly message: string
}

export interface QualityPlace {
  readonly id: string
  /** Relative to the source's root. */
  readonly path: string
  /** Position in the file: `line 3`, `[2]`; empty for a file with a single sample. */
  readonly position: string
}

/** The findings about a dataset. JSON. */
export interface QualityReport {
  readonly formatVersion: 1
  /** The worst severity. */
  readonly status: 'pass' | 'warn' | 'fail'
  /** Number of rows that were checked. */
  readonly rows: number
  /** In the order of `qualityKinds`. */
  readonly findings: readonly QualityFinding[]
  /** Rows with another label than in the release, also if they are no finding. Absent: they were not compared. */
  readonly relabelled?: LabelMoves | undefined
  /** The tokens of prompts and answers, if they were counted. */
  readonly tokens?: TokenCounts | undefined
  /** What could not be checked, one sentence each. */
  readonly unchecked: readonly string[]
}
