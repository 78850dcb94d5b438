import { binomialPmf } from './binomial.js'
import { checkedCount, checkedWithin } from './options.js'

/** Draws without replacement. */
export interface HypergeometricOptions {
  /** Marked items among those drawn, at least. */
  readonly successes: number
  /** Items drawn. */
  readonly drawn: number
  /** Marked items in the population. */
  readonly marked: number
  readonly population: number
}

/**
 * The probability of at least `successes` marked items among `drawn` items of a population: Fisher's exact test of a two-by-two
 * table, one-sided.
 *
 * Source: C. Loader, Fast and Accurate Computation of Binomial Probabilities (2000), as R's `dhyper`.
 *
 * @throws `invalid-options` for counts that do not fit together.
 */
export function hypergeometricUpperTail({ successes, drawn, marked, population }: HypergeometricOptions): number {
  checkedCount('successes', successes)
  checkedCount('population', population, 1)
  checkedWithin('drawn', checkedCount('drawn', drawn), 0, population)
  checkedWithin('marked', checkedCount('marked', marked), 0, population)
  const least = Math.max(0, drawn + marked - population)
  const most = Math.min(drawn, marked)
  if (successes <= least) return 1
  const p = drawn / population
  const whole = binomialPmf(drawn, population, p)
  let sum = 0
  for (let k = most; k >= successes; k -= 1)
    sum += (binomialPmf(k, marked, p) * binomialPmf(drawn - k, population - marked, p)) / whole
  return Math.min(1, sum)
}
