import type { CallContext, Described, Digest } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import type { WeightsDirectory } from '../model/index.js'
import type { CandidateRecord } from '../trainer/index.js'
import type { PolicyChange } from './policy-changes.js'

/** All that a gate may know. */
export interface Evidence {
  readonly candidate: {
    readonly weights: WeightsDirectory
    readonly record: CandidateRecord
    readonly evaluation: Evaluation
    /** Of single answers; measured where a check asks for it. */
    readonly latenciesMs?: readonly number[] | undefined
  }
  /** The released model. Absent: this is the first release. */
  readonly baseline?: Reference | undefined
  /** The best model ever released and not withdrawn, by the first `noRegression` metric; absent where it is the baseline's bundle. */
  readonly best?: Reference | undefined
  /** Which candidate this is, from 1, of those that this evaluation set has judged. Absent: unknown. */
  readonly evaluationCount?: number | undefined
  /** Level of each test that lets a release pass: the gate's to set. @default 0.05 */
  readonly passAlpha?: number | undefined
}

/** A released model on the same items, or why it could not be scored. */
export type Reference = {
  readonly version: string
  readonly bundle: Digest
} & (
  | {
      readonly evaluation: Evaluation
      /** It is the candidate itself: only other files of the release differ. Unsaid, a model compared with itself is an error. */
      readonly sameModel?: boolean | undefined
    }
  | { readonly unscorable: string }
)

export type FindingStatus = 'pass' | 'fail' | 'inconclusive' | 'not-applicable'

/** The numeric answer of one check to one question. JSON. Ratios are in 0..1; differences are in the metric’s unit, turned so that above 0 the candidate is better. */
export interface Finding {
  readonly check: string
  readonly status: FindingStatus
  /** Only a critical finding can fail a release. */
  readonly critical: boolean
  /** One sentence, with the numbers. */
  readonly reason: string
  /** Of a slice: where it is inconclusive, so is the verdict. @default false */
  readonly required?: boolean | undefined
  readonly metric?: string | undefined
  /** Of the metric; the values of one that is not binary are in its own unit, whatever that is. */
  readonly kind?: Metric['kind'] | undefined
  /** `category=spam-1`; absent: over all items. */
  readonly slice?: string | undefined
  readonly against?: 'baseline' | 'best' | undefined
  readonly againstVersion?: string | undefined
  /** Of estimate, bounds and threshold, where they are no ratios and of no metric. */
  readonly unit?: 'bytes' | 'ms' | undefined
  /** What was estimated: a value (floors) or a difference. */
  readonly estimate?: number | undefined
  readonly lower?: number | undefined
  readonly upper?: number | undefined
  readonly candidateValue?: number | undefined
  readonly referenceValue?: number | undefined
  readonly items?: number | undefined
  /** Independent groups that the items are in; as many as items if nothing is grouped. */
  readonly groups?: number | undefined
  /** Items that the reference had right and the candidate wrong, and the other way round. */
  readonly regressions?: number | undefined
  readonly improvements?: number | undefined
  /** The names of the statistical procedures. */
  readonly engine?: string | undefined
  readonly alpha?: number | undefined
  readonly pPass?: number | undefined
  readonly pFail?: number | undefined
  /** After Holm's correction over the slices. */
  readonly pFailAdjusted?: number | undefined
  readonly margin?: number | undefined
  readonly threshold?: number | undefined
  /** The smallest true drop that this set would have seen with 80 % power. */
  readonly smallestDetectableDrop?: number | undefined
  /** How many groups would pass an identical model 80 % of the time. */
  readonly groupsNeeded?: number | undefined
  /** Ids of items that the reference had right and the candidate wrong; at most 20. */
  readonly regressedIds?: readonly string[] | undefined
  /** Of `calibration`: the items by the confidence of their answer, a bin each. */
  readonly reliability?: readonly ReliabilityBin[] | undefined
  /** False: no person may release in spite of it. @default true */
  readonly overridable?: boolean | undefined
  /** True: it follows from how the weights are written, so the next candidate of the same trainer gets it too. @default false */
  readonly repeats?: boolean | undefined
}

/** What is known of a candidate before it is trained. JSON. */
export interface Prospect {
  /** The trainer's name. */
  readonly trainer: string
  /** The format that the trainer says it writes weights in. */
  readonly weightsFormat?: string | undefined
  /** What this gate found on the last candidate of this trainer; absent: nothing is known, or the gate is another one now. */
  readonly last?: { readonly runId: string; readonly findings: readonly Finding[] } | undefined
}

/** Items of like confidence: how sure the model was on average, and how often it was right, 0..1. */
export interface ReliabilityBin {
  readonly confidence: number
  readonly accuracy: number
  readonly items: number
}

export type VerdictStatus = 'pass' | 'fail' | 'inconclusive'
export type InconclusivePolicy = 'ask' | 'hold' | 'release'

/** The decision over all findings. `fail` carries at least one failed finding. JSON. */
export type Verdict = (
  | { readonly status: 'pass' | 'inconclusive'; readonly findings: readonly Finding[] }
  | { readonly status: 'fail'; readonly findings: readonly [Finding, ...Finding[]] }
) & {
  /** One sentence for a person. */
  readonly summary: string
  /** What an inconclusive verdict leads to. */
  readonly whenInconclusive: InconclusivePolicy
  /** How what decides differs from what decided on the current release; absent: it does not, or that is not known. */
  readonly policyChanges?: readonly PolicyChange[] | undefined
  /** How worn the evaluation set is, where that is known. */
  readonly reuse?: EvaluationSetUse | undefined
}

/** The same items, asked again and again, let a bad candidate through sooner or later. */
export interface EvaluationSetUse {
  /** Candidates that the set has judged, this one included. */
  readonly evaluationCount: number
  /** What the chance of having let through one that is worse by the margin is at most by now, 0..1. */
  readonly falsePassChance: number
  /** How many it may judge; absent: nobody has said. */
  readonly maximumEvaluations?: number | undefined
}

/** A question of the gate. Slices are asked of all that the evaluation holds. */
export interface Check extends Described {
  readonly metrics: readonly Metric[]
  /** True for a check that compares with what was released; its first metric decides which release is the best. */
  readonly compares?: boolean | undefined
  /** False for a check that only reports: a gate of none but such is refused. @default true */
  readonly decides?: boolean | undefined
  /** True for a check that looks at `latenciesMs`: measuring takes a few hundred answers, one by one. */
  readonly timesAnswers?: boolean | undefined
  /** What it will answer, whatever is trained. Absent or empty: nobody knows yet. */
  foresee?(prospect: Prospect): readonly Finding[]
  examine(evidence: Evidence, context: CallContext): Promise<readonly Finding[]>
}

export interface Gate extends Described {
  /** All that its checks need scored. */
  readonly metrics: readonly Metric[]
  /** The metric by which the best release is known. */
  readonly primaryMetric?: string | undefined
  /** True where a check looks at `latenciesMs`. */
  readonly timesAnswers?: boolean | undefined
  /** What its checks will answer, whatever is trained. Absent: nobody knows before the training. */
  foresee?(prospect: Prospect): readonly Finding[]
  /** Silence is not a pass: no checks, a crashed check, a number that is not finite never give `pass`. */
  decide(evidence: Evidence, context: CallContext): Promise<Verdict>
}
