import { normalCdf, normalQuantile } from './normal.js'
import { checkedBetween, checkedPairs, checkedWithin } from './options.js'

/** A paired comparison of two models by a binary metric. */
export interface PairedCounts {
  /** Pairs where the baseline is right and the candidate wrong. */
  readonly b: number
  /** Pairs where the baseline is wrong and the candidate right. */
  readonly c: number
  /** Number of all pairs, including those that both models answer the same way. */
  readonly n: number
}

export interface TangoOptions extends PairedCounts {
  /** The tolerated loss, as a proportion in 0..1. */
  readonly margin: number
  /** Confidence of each one-sided limit. @default 0.95 */
  readonly confidence?: number
}

export interface TangoResult {
  /** Observed difference, candidate minus baseline: (c − b) / n. */
  readonly difference: number
  /** Test statistic: a larger value is stronger evidence that the true difference is above −margin. */
  readonly z: number
  /** One-sided p-value of non-inferiority. */
  readonly p: number
  /** One-sided lower limit of the difference: above −margin exactly if p < 1 − confidence. */
  readonly lower: number
  /** One-sided upper limit of the difference. */
  readonly upper: number
}

/**
 * Tango's score test of non-inferiority, and the matching limits of the difference.
 *
 * The limits are one-sided: both at 0.975 are the two-sided 95 % interval. Without any discordant pair they are ∓z² /
 * (n + z²), never zero. The test is asymptotic: near its level it passes up to 6.8 % of models that are worse by the
 * margin (n = 133, discordance 2 %), so a verdict also uses `exactNonInferiority`. Source: T. Tango, Statistics in
 * Medicine 17 (1998) 891–908.
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
    // Swapping the models negates the difference.
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
