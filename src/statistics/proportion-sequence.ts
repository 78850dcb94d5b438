import type { Interval } from './clopper-pearson.js'
import { logGamma } from './gamma.js'
import { checkedBetween, checkedCount, checkedWithin } from './options.js'

export interface Proportion {
  readonly successes: number
  readonly trials: number
}

export interface ProportionSequenceOptions extends Proportion {
  /** Probability that the interval contains the true proportion at every moment. @default 0.95 */
  readonly confidence?: number
}

/**
 * The interval of a proportion that may be looked at after every trial: with probability `confidence`, all intervals of
 * the whole sequence contain the true proportion. Exact, and a function of the counts alone.
 *
 * Source: betting as in I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, JRSS B 86
 * (2024) 1–27, with the bets of R. E. Krichevsky and V. K. Trofimov, IEEE Trans. Inf. Theory 27 (1981) 199–207. For yes/no
 * trials the capital has a closed form.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * proportionSequence({ successes: 90, trials: 100 }) // { lower: 0.772, upper: 0.971 }
 * ```
 */
export function proportionSequence({ successes, trials, confidence = 0.95 }: ProportionSequenceOptions): Interval {
  const capital = logCapital({ successes, trials })
  const limit = -Math.log(1 - checkedBetween('confidence', confidence, 0, 1))
  const isInside = (share: number) => capital(share) <= limit
  const estimate = trials === 0 ? 0.5 : successes / trials
  return {
    lower: isInside(0) ? 0 : boundary(0, estimate, isInside),
    upper: isInside(1) ? 1 : boundary(1, estimate, isInside),
  }
}

/**
 * The p-value of "the proportion is `share`", valid at every look.
 *
 * @throws `invalid-options`
 */
export const proportionSequenceP = (proportion: Proportion, share: number): number =>
  Math.min(1, Math.exp(-logCapital(proportion)(checkedWithin('share', share, 0, 1))))

/**
 * The logarithm of the money of somebody who starts with 1 and bets against the proportion `share` before every trial, in
 * proportion to the share of successes so far: ln B(s + ½, f + ½) − ln B(½, ½) − s ln share − f ln(1 − share). Convex in
 * `share`. If the proportion is `share`, the money ever reaches 1/α with probability of at most α (Ville's inequality).
 */
export function logCapital({ successes, trials }: Proportion): (share: number) => number {
  checkedCount('trials', trials)
  checkedCount('successes', successes)
  checkedWithin('successes', successes, 0, trials)
  const failures = trials - successes
  // B(½, ½) = π.
  const mixture = logGamma(successes + 0.5) + logGamma(failures + 0.5) - logGamma(trials + 1) - Math.log(Math.PI)
  const times = (count: number, share: number) => (count === 0 ? 0 : count * Math.log(share))
  return (share) => mixture - times(successes, share) - times(failures, 1 - share)
}

/** The point between `outside` and `inside` at which `isInside` changes, to sixteen digits or to 1e-18. */
export function boundary(outside: number, inside: number, isInside: (value: number) => boolean): number {
  let [far, near] = [outside, inside]
  while (Math.abs(far - near) > Math.max(1e-18, Math.abs(near) * 2 ** -52)) {
    const middle = (far + near) / 2
    if (isInside(middle)) near = middle
    else far = middle
  }
  return far
}
