import type { CallContext, Described, Digest } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import type { WeightsDirectory } from '../model/index.js'
import type { CandidateRecord } from '../trainer/index.js'
import type { PolicyChange } from './policy-changes.js'

/** Everything that a gate can base its decision on. */
export interface Evidence {
  readonly candidate: {
    readonly weights: WeightsDirectory
    readonly record: CandidateRecord
    readonly evaluation: Evaluation
    /** Latency of single predictions; measured if a check needs it. */
    readonly latenciesMs?: readonly number[] | undefined
  }
  /** The released model. Absent: this is the first release. */
  readonly baseline?: Reference | undefined
  /**
   * The best released model that is not withdrawn, by the metric of the first `noRegression` check. Absent if it is the
   * baseline.
   */
  readonly best?: Reference | undefined
  /** How many candidates this evaluation set has judged, this one included. Absent if unknown. */
  readonly evaluationCount?: number | undefined
  /** Significance level of each test that can pass a release. Set by the gate. @default 0.05 */
  readonly passAlpha?: number | undefined
}

/** A released model on the same items, or why it could not be scored. */
export type Reference = {
  readonly version: string
  readonly bundle: Digest
} & (
  | {
      readonly evaluation: Evaluation
      /**
       * The reference is the same model as the candidate; only other files of the release differ. Without this flag,
       * comparing a model with itself is an error.
       */
      readonly sameModel?: boolean | undefined
    }
  | { readonly unscorable: string }
)

export type FindingStatus = 'pass' | 'fail' | 'inconclusive' | 'not-applicable'

/**
 * One numeric result of a check. JSON. Ratios are in 0..1; differences are in the metric's unit, with the sign chosen
 * so that a positive value means that the candidate is better.
 */
export interface Finding {
  readonly check: string
  readonly status: FindingStatus
  /** Only a critical finding can fail a release. */
  readonly critical: boolean
  /** One sentence, with the numbers. */
  readonly reason: string
  /** For a slice: if this finding is inconclusive, so is the verdict. @default false */
  readonly required?: boolean | undefined
  readonly metric?: string | undefined
  /** Kind of the metric. Values of a metric that is not binary are in its own unit. */
  readonly kind?: Metric['kind'] | undefined
  /** The slice, such as `category=spam-1`. Absent: all items. */
  readonly slice?: string | undefined
  readonly against?: 'baseline' | 'best' | undefined
  readonly againstVersion?: string | undefined
  /** Unit of estimate, bounds and threshold if they are neither ratios nor values of a metric. */
  readonly unit?: 'bytes' | 'ms' | undefined
  /** The estimate: a value (checks with a threshold) or a difference (comparisons). */
  readonly estimate?: number | undefined
  readonly lower?: number | undefined
  readonly upper?: number | undefined
  readonly candidateValue?: number | undefined
  readonly referenceValue?: number | undefined
  readonly items?: number | undefined
  /** Number of independent groups. Equals the number of items if items are not grouped. */
  readonly groups?: number | undefined
  /** Items that the reference answered correctly and the candidate did not. */
  readonly regressions?: number | undefined
  readonly improvements?: number | undefined
  /** The names of the statistical procedures. */
  readonly engine?: string | undefined
  readonly alpha?: number | undefined
  readonly pPass?: number | undefined
  readonly pFail?: number | undefined
  /** p-value after Holm's correction over the slices. */
  readonly pFailAdjusted?: number | undefined
  readonly margin?: number | undefined
  readonly threshold?: number | undefined
  /** The smallest true drop that this evaluation set detects with 80 % power. */
  readonly smallestDetectableDrop?: number | undefined
  /** Number of groups with which a model of equal quality passes 80 % of the time. */
  readonly groupsNeeded?: number | undefined
  /** Ids of items that the reference answered correctly and the candidate did not; at most 20. */
  readonly regressedIds?: readonly string[] | undefined
  /** For `calibration`: one bin per range of confidence. */
  readonly reliability?: readonly ReliabilityBin[] | undefined
  /** False: the finding cannot be overridden. @default true */
  readonly overridable?: boolean | undefined
  /**
   * True: the cause is the format of the weights, so the next candidate of the same trainer gets the same finding.
   * @default false
   */
  readonly repeats?: boolean | undefined
}

/** What is known about a candidate before it is trained. JSON. */
export interface Prospect {
  /** The trainer's name. */
  readonly trainer: string
  /** The format in which the trainer declares to write weights. */
  readonly weightsFormat?: string | undefined
  /**
   * Findings of this gate for the last candidate of this trainer. Absent if there are none, or if the gate has changed
   * since.
   */
  readonly last?: { readonly runId: string; readonly findings: readonly Finding[] } | undefined
}

/** Items of similar confidence, with their mean confidence and the share of correct answers, both 0..1. */
export interface ReliabilityBin {
  readonly confidence: number
  readonly accuracy: number
  readonly items: number
}

export type VerdictStatus = 'pass' | 'fail' | 'inconclusive'
export type InconclusivePolicy = 'ask' | 'hold' | 'release'

/** The decision over all findings. A `fail` has at least one failed finding. JSON. */
export type Verdict = (
  | { readonly status: 'pass' | 'inconclusive'; readonly findings: readonly Finding[] }
  | { readonly status: 'fail'; readonly findings: readonly [Finding, ...Finding[]] }
) & {
  /** One sentence that explains the decision. */
  readonly summary: string
  /** What happens after an inconclusive verdict. */
  readonly whenInconclusive: InconclusivePolicy
  /**
   * How the gate's policy differs from the one that judged the current release. Absent if it does not differ, or if
   * that is unknown.
   */
  readonly policyChanges?: readonly PolicyChange[] | undefined
  /** How often the evaluation set has been used, if known. */
  readonly reuse?: EvaluationSetUse | undefined
}

/** Repeated use of one evaluation set, which raises the chance that a bad candidate passes. */
export interface EvaluationSetUse {
  /** Number of candidates that the set has judged, this one included. */
  readonly evaluationCount: number
  /** Upper bound on the chance that at least one of them passed although it is worse by the margin, 0..1. */
  readonly falsePassChance: number
  /** Number of candidates that the set may judge. Absent if there is no limit. */
  readonly maximumEvaluations?: number | undefined
}

/**
 * Evidence that takes extra work: `latency` (`latenciesMs`, from a few hundred single predictions), `reference` (released
 * models on the same items).
 */
export type EvidenceNeed = 'latency' | 'reference'

/** One check of a gate. Slices are taken from the evaluation. */
export interface Check extends Described {
  readonly metrics: readonly Metric[]
  /**
   * What the check needs besides the scores of the candidate. The first metric of the first check that needs `reference`
   * decides which release is the best. @default none
   */
  readonly needs?: readonly EvidenceNeed[] | undefined
  /** `report`: the check does not influence the decision. A gate needs at least one check that decides. @default 'decide' */
  readonly purpose?: 'decide' | 'report' | undefined
  /** Findings that are certain before training. Absent or empty if there are none. */
  foresee?(prospect: Prospect): readonly Finding[]
  examine(evidence: Evidence, context: CallContext): Promise<readonly Finding[]>
}

export interface Gate extends Described {
  /** The metrics that its checks need. */
  readonly metrics: readonly Metric[]
  /** The metric that decides which release is the best. */
  readonly primaryMetric?: string | undefined
  /** What its checks need besides the scores of the candidate. Latency is measured only for a gate that needs it. @default none */
  readonly needs?: readonly EvidenceNeed[] | undefined
  /** Findings of its checks that are certain before training. Absent if there are none. */
  foresee?(prospect: Prospect): readonly Finding[]
  /** Never `pass` if there are no checks, a check crashed, or a number is not finite. */
  decide(evidence: Evidence, context: CallContext): Promise<Verdict>
}
