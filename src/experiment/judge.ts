import {
  meanDifferenceSequence,
  proportionDifferenceSequence,
  proportionSequenceP,
  sampleRatioTest,
} from '../statistics/index.js'
import type { ExperimentPlan } from './plan.js'
import type { Tally } from './tally.js'

/** A variant's side of a metric. */
export interface VariantValue {
  /** Units with an outcome. */
  readonly units: number
  /** The mean over units. `null` without units. */
  readonly value: number | null
}

/** The comparison of one metric in the current step. */
export interface MetricComparison {
  readonly name: string
  readonly kind: 'binary' | 'mean'
  readonly direction: 'higher-is-better' | 'lower-is-better'
  readonly margin: number
  readonly control: VariantValue
  readonly treatment: VariantValue
  /** Treatment minus control, with limits that are valid at every look. `null`: nothing is known. */
  readonly estimate: number | null
  readonly lower: number | null
  readonly upper: number | null
  /** `worse`: worse by more than the margin. `kept`: not worse by the margin, or better if the margin is 0. */
  readonly status: 'worse' | 'kept' | 'open'
  readonly method: string
}

/** Whether units were divided as planned. */
export interface Division {
  readonly control: number
  readonly treatment: number
  /** The p-value that is valid at every look. */
  readonly p: number
  /** The p-value of Pearson's χ² test, for comparison with other tools; valid for one look. */
  readonly chiSquareP: number
  readonly isMismatch: boolean
}

/** Asymptotic limits need groups that are not small. */
export const leastUnits = 100
/** Chance of a false alarm over all looks and steps. */
const mismatchAlpha = 0.01

export function judgeDivision(plan: Pick<ExperimentPlan, 'steps'>, tally: Tally, step: number): Division {
  const { control, treatment } = tally.units(step)
  const { share } = plan.steps[step]!
  const p = proportionSequenceP({ successes: treatment, trials: control + treatment }, share)
  const { p: chiSquareP } = sampleRatioTest({ counts: [control, treatment], shares: [1 - share, share] })
  return { control, treatment, p, chiSquareP, isMismatch: p <= mismatchAlpha / plan.steps.length }
}

export function judgeMetrics(
  { metrics, confidence }: Pick<ExperimentPlan, 'metrics' | 'confidence'>,
  tally: Tally,
  step: number,
): MetricComparison[] {
  return metrics.map(({ name, kind, direction, margin }, index) => {
    const judged =
      kind === 'binary' ? judgeShares(tally, step, index, confidence) : judgeMeans(tally, step, index, confidence)
    const [worst, best] =
      direction === 'higher-is-better' ? [judged.lower, judged.upper] : [-judged.upper, -judged.lower]
    const { control, treatment, method } = judged
    // If the control never says yes, a treatment without an outcome cannot be worse, but nothing speaks for it.
    const isKnown = control.units > 0 && treatment.units > 0
    const status = !isKnown ? 'open' : best < -margin ? 'worse' : worst > -margin ? 'kept' : 'open'
    const known = (value: number) => (isKnown && Number.isFinite(value) ? value : null)
    return {
      ...{ name, kind, direction, margin, control, treatment },
      ...{ estimate: known(judged.estimate), lower: known(judged.lower), upper: known(judged.upper), status, method },
    }
  })
}

function judgeShares(tally: Tally, step: number, metric: number, confidence: number) {
  const control = tally.proportion(step, metric, 'control')
  const treatment = tally.proportion(step, metric, 'treatment')
  const side = ({ successes, trials }: typeof control) => ({
    units: trials,
    value: trials === 0 ? null : successes / trials,
  })
  return {
    ...proportionDifferenceSequence({ control, treatment, confidence }),
    control: side(control),
    treatment: side(treatment),
    method: 'exact betting sequence (Waudby-Smith and Ramdas)',
  }
}

function judgeMeans(tally: Tally, step: number, metric: number, confidence: number) {
  const control = tally.mean(step, metric, 'control')
  const treatment = tally.mean(step, metric, 'treatment')
  const side = ({ count, mean }: typeof control) => ({ units: count, value: count === 0 ? null : mean })
  const isLarge = control.count >= leastUnits && treatment.count >= leastUnits
  const unknown = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY }
  return {
    ...meanDifferenceSequence({ control, treatment, confidence }),
    ...(!isLarge && unknown),
    control: side(control),
    treatment: side(treatment),
    method: 'asymptotic sequence (arXiv 2103.06476)',
  }
}
