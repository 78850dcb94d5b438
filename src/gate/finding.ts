import type { Metric } from '../evaluation/index.js'

export type FindingStatus = 'pass' | 'fail' | 'inconclusive' | 'not-applicable'

/**
 * One result of a check. JSON. `kind` says which numbers it has: none, a value and its limit, a bound, a difference, a
 * count of regressions, or a value without a decision.
 */
export type Finding =
  | StatementFinding
  | LimitFinding
  | BoundFinding
  | ComparisonFinding
  | RegressionsFinding
  | ValueFinding

/** What findings of every kind have. */
export interface FindingBase {
  readonly check: string
  readonly status: FindingStatus
  /** Only a critical finding can fail a release. */
  readonly critical: boolean
  /** One sentence, with the numbers. */
  readonly reason: string
  /** Absent: the finding is not about a metric. */
  readonly metric?: string | undefined
  /** Kind of the metric. */
  readonly metricKind?: Metric['kind'] | undefined
  /** The slice, such as `category=spam-1`. Absent: all items. */
  readonly slice?: string | undefined
  /** For a slice: if this finding is inconclusive, so is the verdict. @default false */
  readonly required?: boolean | undefined
  /** The release that the candidate is compared with. Absent: the finding is about the candidate alone. */
  readonly against?: 'baseline' | 'best' | undefined
  readonly againstVersion?: string | undefined
  /** False: the finding cannot be overridden. @default true */
  readonly overridable?: boolean | undefined
  /**
   * True: the cause is the format of the weights, so the next candidate of the same trainer gets the same finding.
   * @default false
   */
  readonly repeats?: boolean | undefined
}

/** A sentence without numbers, such as why a check has no result. */
export interface StatementFinding extends FindingBase {
  readonly kind: 'statement'
}

/** A value that is known exactly, such as a file size, and its limit. */
export interface LimitFinding extends FindingBase {
  readonly kind: 'limit'
  /** Whether the value must reach the threshold, or must not exceed it. */
  readonly side: 'at-least' | 'at-most'
  readonly threshold: number
  /** Unit of all values. `ratio`: 0..1. `number`: the metric's own unit. */
  readonly unit: 'ratio' | 'number' | 'bytes' | 'ms'
  readonly estimate: number
}

/** An estimate from items, and a threshold that its confidence bound must reach. */
export interface BoundFinding extends Omit<LimitFinding, 'kind'> {
  readonly kind: 'bound'
  /** One-sided bound. Absent: there are too few items for one. */
  readonly lower?: number | undefined
  /** One-sided bound. Absent: there are too few items for one. */
  readonly upper?: number | undefined
  readonly items: number
  /** Number of independent groups. Equals the number of items if items are not grouped. */
  readonly groups: number
  /** The names of the statistical procedures. */
  readonly engine: string
  /** Significance level of a pass, 0..1. */
  readonly alpha: number
  /** For `calibration`: one bin per range of confidence. */
  readonly reliability?: readonly ReliabilityBin[] | undefined
}

/** The difference from a release, in the metric's unit. A positive difference means that the candidate is better. */
export interface ComparisonFinding extends FindingBase {
  readonly kind: 'comparison'
  readonly metric: string
  readonly metricKind: Metric['kind']
  readonly against: 'baseline' | 'best'
  readonly againstVersion: string
  readonly items: number
  /** Number of independent groups. Equals the number of items if items are not grouped. */
  readonly groups: number
  /** Items on which the candidate is worse: for a binary metric, items that only the reference answered correctly. */
  readonly regressions: number
  /** Ids of such items; at most 20. */
  readonly regressedIds: readonly string[]
  /** The largest loss that is tolerated. 0: the candidate must be better. */
  readonly margin: number
  readonly estimate: number
  /** One-sided bound of the difference. Absent: the test gives none. */
  readonly lower?: number | undefined
  /** One-sided bound of the difference. Absent: the test gives none. */
  readonly upper?: number | undefined
  /** Absent: only the items that the models answer differently are labelled. */
  readonly candidateValue?: number | undefined
  /** Absent: only the items that the models answer differently are labelled. */
  readonly referenceValue?: number | undefined
  /** Items on which the candidate is better. */
  readonly improvements: number
  /** The names of the statistical procedures. */
  readonly engine: string
  /** Significance level of a pass, 0..1. */
  readonly alpha: number
  readonly pPass: number
  readonly pFail: number
  /** For a slice: p-value after Holm's correction over the slices. */
  readonly pFailAdjusted?: number | undefined
  /** If inconclusive: the smallest true drop that this evaluation set detects with 80 % power. Absent if unknown. */
  readonly smallestDetectableDrop?: number | undefined
  /** If inconclusive: number of groups with which a model of equal quality passes 80 % of the time. Absent if unknown. */
  readonly groupsNeeded?: number | undefined
}

/** How many items the candidate answers worse than a release. A count: no claim about other items. */
export interface RegressionsFinding
  extends Pick<ComparisonFinding, keyof FindingBase | 'items' | 'groups' | 'regressions' | 'regressedIds'> {
  readonly kind: 'regressions'
  /** How many regressions are allowed. */
  readonly allowed: number
}

/** A metric's value that is only reported. */
export interface ValueFinding extends FindingBase {
  readonly kind: 'value'
  readonly metric: string
  readonly metricKind: Metric['kind']
  readonly candidateValue: number
  /** Absent: there is no baseline, or it has no value. */
  readonly referenceValue?: number | undefined
  readonly items: number
}

/** Items of similar confidence, with their mean confidence and the share of correct answers, both 0..1. */
export interface ReliabilityBin {
  readonly confidence: number
  readonly accuracy: number
  readonly items: number
}
