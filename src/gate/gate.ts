import type { CallContext, Described, Digest } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import type { WeightsDirectory } from '../model/index.js'
import type { CandidateRecord } from '../trainer/index.js'
import type { Finding } from './finding.js'
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
  /**
   * Significance level of each test that can pass a release. A pipeline that chooses among k candidates gives 0.05 / k. A
   * gate may lower the level for its checks, but must not raise it. @default 0.05
   */
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
  /** Significance level of each test that can pass the candidate, 0..1. @default 0.05 */
  readonly passAlpha?: number | undefined
  /** How often the evaluation set has been used, if known. */
  readonly reuse?: EvaluationSetUse | undefined
}

/** Repeated use of one evaluation set, which raises the chance that a bad candidate passes. */
export interface EvaluationSetUse {
  /** Number of candidates that the set has judged, this one included. */
  readonly evaluationCount: number
  /**
   * Upper bound on the chance that at least one of them passed although it is worse by the margin, 0..1: the sum of the
   * levels at which they were judged. A pipeline takes the levels from the ledger. A gate alone does not know the earlier
   * levels and counts each as its own.
   */
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
