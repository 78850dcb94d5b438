import { inverseRegularizedBeta } from './incomplete-beta.js'
import { checkedBetween, checkedCount, checkedWithin } from './options.js'

export interface ProportionOptions {
  readonly successes: number
  readonly trials: number
  /** Coverage probability of the interval. @default 0.95 */
  readonly confidence?: number
}

export interface Interval {
  readonly lower: number
  readonly upper: number
}

/**
 * The exact two-sided interval of a proportion.
 *
 * Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404–413.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * clopperPearson({ successes: 90, trials: 100 }) // { lower: 0.824, upper: 0.951 }
 * ```
 */
export function clopperPearson({ successes, trials, confidence = 0.95 }: ProportionOptions): Interval {
  const alpha = (1 - checkedBetween('confidence', confidence, 0, 1)) / 2
  return {
    lower: binomialLowerBound(successes, trials, alpha),
    upper: binomialUpperBound(successes, trials, alpha),
  }
}

/**
 * The exact one-sided lower bound: the proportion at which `successes` or more have chance `alpha`.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * binomialLowerBound(90, 100, 0.05) // 0.836
 * ```
 */
export function binomialLowerBound(successes: number, trials: number, alpha: number): number {
  checkedCount('trials', trials, 1)
  checkedCount('successes', successes)
  checkedWithin('successes', successes, 0, trials)
  checkedBetween('alpha', alpha, 0, 1)
  return successes === 0 ? 0 : inverseRegularizedBeta(alpha, successes, trials - successes + 1)
}

/**
 * The exact one-sided upper bound: the proportion at which `successes` or fewer have chance `alpha`.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * binomialUpperBound(90, 100, 0.05) // 0.945
 * ```
 */
export function binomialUpperBound(successes: number, trials: number, alpha: number): number {
  checkedCount('trials', trials, 1)
  checkedCount('successes', successes)
  checkedWithin('successes', successes, 0, trials)
  return 1 - binomialLowerBound(trials - successes, trials, alpha)
}
