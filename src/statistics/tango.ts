import { normalCdf, normalQuantile } from './normal.js'
import { checkedBetween, checkedPairs, checkedWithin } from './options.js'

/** A paired comparison of two models by a binary metric. */
export interface PairedCounts {
  /** Pairs where the baseline is right and the candidate wrong. */
  readonly b: number
  /** Pairs where the baseline is wrong and the candidate right. */
  readonly c: number
  /** All pairs, those that both models answer alike included. */
  readonly n: number
}

export interface TangoOptions extends PairedCounts {
  /** The loss that is tolerated, as a proportion in 0..1. */
  readonly margin: number
  /** Of each one-sided limit. @default 0.95 */
  readonly confidence?: number
}

export interface TangoResult {
  /** Observed difference, candidate less baseline: (c − b) / n. */
  readonly difference: number
  /** Evidence that the true difference is above −margin: larger is more. */
  readonly z: number
  /** One-sided p-value of non-inferiority. */
  readonly p: number
  /** One-sided lower limit of the difference: above −margin exactly where p < 1 − confidence. */
  readonly lower: number
  /** One-sided upper limit of the difference. */
  readonly upper: number
}

/**
 * Tango's score test of non-inferiority, and the limits of the difference that agree with it.
 *
 * The limits are one-sided: both at 0.975 are the two-sided 95 % interval. Without any discordant pair they are
 * ∓z² / (n + z²), never zero. The test is asymptotic: near its level it lets through up to 6.8 % of models that are worse
 * by the margin (n = 133, discordance 2 %), so a verdict also asks `exactNonInferiority`.
 * Source: T. Tango, Statistics in Medicine 17 (1998) 891–908.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * tango({ b: 12, c: 10, n: 400, margin: 0.02 }) // { difference: -0.005, z: 1.23, p: 0.109, lower: -0.026, upper: 0.015 }
 * ```
 */
export function tango({ b, c, n, margin, confidence = 0.95 }: TangoOptions): TangoResult {
  checkedPairs({ b, c, n })
  checkedWithin('margin', margin, 0, 1)
  checkedBetween('confidence', confidence, 0, 1)
  const z = tangoScore(b, c, n, -margin)
  const critical = normalQuantile(confidence)
  return {
    difference: (c - b) / n,
    z,
    p: normalCdf(-z),
    lower: lowerLimit(b, c, n, critical),
    // Swapping the models turns the difference round.
    upper: 0 - lowerLimit(c, b, n, critical),
  }
}

/** The score statistic of the hypothesis that the true difference is `difference`, unchecked. */
export function tangoScore(b: number, c: number, n: number, difference: number): number {
  // One sign only, so that the root below adds numbers of one sign and loses no digits.
  if (difference > 0) return -tangoScore(c, b, n, -difference)
  const excess = c - b - n * difference
  if (excess === 0) return 0
  const linear = b + c - (2 * n + b - c) * difference
  const constant = -b * difference * (1 - difference)
  // The chance of (baseline right, candidate wrong) that makes b and c likeliest under the hypothesis.
  const loss = (linear + Math.sqrt(Math.max(0, linear * linear - 8 * n * constant))) / (4 * n)
  const variance = n * (2 * loss + difference * (1 - difference))
  return variance > 0 ? excess / Math.sqrt(variance) : excess * Infinity
}

// The score falls as the hypothesis rises, so the limit is where it crosses the critical value.
function lowerLimit(b: number, c: number, n: number, critical: number): number {
  let low = -1
  let high = 1
  if (tangoScore(b, c, n, low) <= critical) return low
  while (high - low > resolution) {
    const middle = (low + high) / 2
    if (tangoScore(b, c, n, middle) > critical) low = middle
    else high = middle
  }
  return low
}

// Twice the spacing of doubles just below 1, so that the halving always ends.
const resolution = 2 ** -52
