import { binomialPmf } from './binomial.js'
import { binomialCdf } from './binomial-tail.js'
import { checkedCount } from './options.js'

/** Counts of discordant pairs, on which only one model is right. */
export interface Discordant {
  /** Pairs where the baseline is right and the candidate wrong. */
  readonly b: number
  /** Pairs where the baseline is wrong and the candidate right. */
  readonly c: number
}

export interface McnemarResult {
  /** One-sided p-value for the claim that the candidate is worse. Conservative. */
  readonly exact: number
  /** The mid-p value: gives the observed outcome half its weight. 0.5 without discordant pairs. */
  readonly midP: number
}

/**
 * McNemar's conditional test, one-sided: is the candidate worse than the baseline?
 *
 * Source: M. W. Fagerland, S. Lydersen and P. Laake, BMC Med. Res. Methodol. 13:91 (2013); their p-values are
 * two-sided, twice these.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * mcnemar({ b: 12, c: 4 }) // { exact: 0.038, midP: 0.025 }
 * ```
 */
export function mcnemar({ b, c }: Discordant): McnemarResult {
  checkedCount('b', b)
  checkedCount('c', c)
  const exact = binomialCdf(c, b + c, 0.5)
  return { exact, midP: exact - binomialPmf(c, b + c, 0.5) / 2 }
}

/**
 * The largest c among `discordant` pairs that is still evidence of harm (b > c and mid-p ≤ `alpha`), or −1.
 *
 * The search starts at `near`. Passing the result for one pair less makes a loop over many counts linear.
 */
export function harmThreshold(discordant: number, alpha: number, near = Math.floor(discordant / 2)): number {
  const isHarm = (c: number) => discordant - c > c && mcnemar({ b: discordant - c, c }).midP <= alpha
  let c = Math.min(near, discordant)
  while (c >= 0 && !isHarm(c)) c--
  while (c < discordant && isHarm(c + 1)) c++
  return c
}
