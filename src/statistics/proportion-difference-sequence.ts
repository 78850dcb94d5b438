import { checkedBetween } from './options.js'
import { boundary, logCapital, type Proportion } from './proportion-sequence.js'

export interface ProportionDifferenceOptions {
  readonly control: Proportion
  readonly treatment: Proportion
  /** Probability that the interval contains the true difference at every moment. @default 0.95 */
  readonly confidence?: number
}

/** A difference, treatment minus control, with limits that may be looked at after every observation. */
export interface DifferenceSequence {
  /** The observed difference. 0 if a group has no observations. */
  readonly estimate: number
  readonly lower: number
  readonly upper: number
}

/**
 * The interval of a difference of two proportions that may be looked at after every trial. Exact at every sample size.
 *
 * One bettor bets against a proportion of the control, another against one of the treatment. The groups are independent, so
 * the product of their money is a fair game too. The interval contains every difference of two proportions against which
 * the product has not reached 1/(1 − confidence).
 *
 * Source: as `proportionSequence`; for two groups see R. Turner, A. Ly and P. Grünwald, Generic E-variables for exact
 * sequential k-sample tests, J. Stat. Plan. Inference 230 (2024) 106116.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * proportionDifferenceSequence({
 *   control: { successes: 450, trials: 500 },
 *   treatment: { successes: 400, trials: 500 },
 * }) // { estimate: -0.1, lower: -0.2, upper: -0.0016 }
 * ```
 */
export function proportionDifferenceSequence({
  control,
  treatment,
  confidence = 0.95,
}: ProportionDifferenceOptions): DifferenceSequence {
  const limit = -Math.log(1 - checkedBetween('confidence', confidence, 0, 1))
  const against = { control: logCapital(control), treatment: logCapital(treatment) }
  if (control.trials === 0 && treatment.trials === 0) return { estimate: 0, lower: -1, upper: 1 }
  const share = ({ successes, trials }: Proportion) => (trials === 0 ? 0.5 : successes / trials)
  const centre = share(treatment) - share(control)
  const isInside = (difference: number) => {
    const low = likelyShare(control, treatment, difference)
    return against.control(low) + against.treatment(within(low + difference)) <= limit
  }
  return {
    estimate: control.trials === 0 || treatment.trials === 0 ? 0 : centre,
    lower: isInside(-1) ? -1 : boundary(-1, centre, isInside),
    upper: isInside(1) ? 1 : boundary(1, centre, isInside),
  }
}

const within = (share: number) => Math.min(1, Math.max(0, share))

/** The proportion of the control that is likeliest if that of the treatment is greater by `difference`. */
function likelyShare(control: Proportion, treatment: Proportion, difference: number): number {
  const part = (count: number, share: number) => (count === 0 ? 0 : count / share)
  const slope = ({ successes, trials }: Proportion, share: number) =>
    part(trials - successes, 1 - share) - part(successes, share)
  // The capital is convex, so its slope is below zero before the proportion, and above zero behind it.
  const isBefore = (share: number) => slope(control, share) + slope(treatment, within(share + difference)) < 0
  const [low, high] = [Math.max(0, -difference), Math.min(1, 1 - difference)]
  return boundary(high, low, isBefore)
}
