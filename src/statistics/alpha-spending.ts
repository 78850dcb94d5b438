import { normalCdf, normalQuantile } from './normal.js'
import { checkedBetween, checkedCount, checkedWithin } from './options.js'

export interface SpendingOptions {
  /** The share of all information that is in: looks taken over looks planned, 0..1. */
  readonly fraction: number
  /** What may be spent in all, one-sided. @default 0.05 */
  readonly alpha?: number
  /** `obrien-fleming` keeps most for the end, `pocock` spends evenly. @default 'obrien-fleming' */
  readonly family?: 'obrien-fleming' | 'pocock'
}

/**
 * How much of alpha may be spent up to this fraction, in all: 0 at 0, `alpha` at 1.
 *
 * Source: K. K. G. Lan and D. L. DeMets, Biometrika 70 (1983) 659–663; one-sided.
 *
 * @throws `invalid-options`
 */
export function alphaSpent({ fraction, alpha = 0.05, family = 'obrien-fleming' }: SpendingOptions): number {
  checkedWithin('fraction', fraction, 0, 1)
  checkedBetween('alpha', alpha, 0, 1)
  if (fraction === 0) return 0
  if (family === 'pocock') return Math.min(alpha, alpha * Math.log(1 + (Math.E - 1) * fraction))
  return Math.min(alpha, 2 * normalCdf(-normalQuantile(1 - alpha / 2) / Math.sqrt(fraction)))
}

/**
 * The level of the k-th use of an evaluation set, where nobody knows how many there will be: α·6/(π²k²) adds up to α over
 * all of them (Basel's series), so the chance of one false pass ever is at most α.
 *
 * @param use from 1.
 * @throws `invalid-options`
 */
export function alphaOfUse(use: number, alpha = 0.05): number {
  checkedBetween('alpha', alpha, 0, 1)
  return (alpha * 6) / (Math.PI * checkedCount('use', use, 1)) ** 2
}
