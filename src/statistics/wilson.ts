import type { Interval, ProportionOptions } from './clopper-pearson.js'
import { normalQuantile } from './normal.js'
import { checkedBetween, checkedCount, checkedWithin } from './options.js'

/**
 * The score interval of a proportion: shorter than the exact interval, with the stated coverage on average instead of
 * always.
 *
 * For plots and tables. Use `clopperPearson` for decisions. Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927)
 * 209–212.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * wilson({ successes: 90, trials: 100 }) // { lower: 0.826, upper: 0.945 }
 * ```
 */
export function wilson({ successes, trials, confidence = 0.95 }: ProportionOptions): Interval {
  checkedCount('trials', trials, 1)
  checkedCount('successes', successes)
  checkedWithin('successes', successes, 0, trials)
  const z = normalQuantile(1 - (1 - checkedBetween('confidence', confidence, 0, 1)) / 2)
  const share = successes / trials
  const weight = (z * z) / trials
  const centre = (share + weight / 2) / (1 + weight)
  const half = (z * Math.sqrt((share * (1 - share)) / trials + weight / (4 * trials))) / (1 + weight)
  // At the ends the formula is exact, and its rounding would leave the range.
  return {
    lower: successes === 0 ? 0 : centre - half,
    upper: successes === trials ? 1 : centre + half,
  }
}
