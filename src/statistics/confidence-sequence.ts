import { SheikhError } from '../core/index.js'
import type { Interval } from './clopper-pearson.js'
import { checkedBetween } from './options.js'

export interface ConfidenceSequenceOptions {
  /** What every value is at least and at most; a difference of two scores in 0..1 lies in −1..1. */
  readonly range: readonly [lowest: number, highest: number]
  /** Chance that all intervals, at all times, cover the mean. @default 0.95 */
  readonly confidence?: number
}

/** A mean that is watched: ask at any time, as often as you like, and stop when you like. */
export interface ConfidenceSequence {
  /** Takes the next value. @throws `invalid-options` outside the range. */
  add(value: number): void
  readonly count: number
  readonly mean: number
  /** Covers the true mean, now and at every other time, with the confidence asked for. */
  interval(): Interval
}

// A bet is never more than this share: the paper's c, between 1/2 and 3/4 "sensible".
const largestBet = 0.5

/**
 * The empirical-Bernstein confidence sequence with predictable plug-ins, for values in a known range that come in any order
 * independent of their future. It may be looked at after every value without spending anything.
 *
 * Source: I. Waudby-Smith and A. Ramdas, J. R. Stat. Soc. B 86 (2024) 1–27, theorem 2, c = 1/2. Intervals only
 * shrink: the intersection of all so far is as valid. Where their ends cross, the promise of 1 − confidence was used up.
 *
 * @throws `invalid-options`
 */
export function confidenceSequence({ range, confidence = 0.95 }: ConfidenceSequenceOptions): ConfidenceSequence {
  const [lowest, highest] = range
  if (!(Number.isFinite(lowest) && Number.isFinite(highest) && lowest < highest))
    throw new SheikhError(
      'invalid-options',
      `Cannot watch values in [${lowest}, ${highest}]. Give two finite ends, the lower first.`,
    )
  const width = highest - lowest
  const budget = Math.log(2 / (1 - checkedBetween('confidence', confidence, 0, 1)))
  let count = 0
  let total = 0
  // As if one value of 1/2 with variance 1/4 had been seen: estimates that exist before the first value.
  let regularMean = 0.5
  let squares = 0.25
  let regularVariance = 0.25
  let bets = 0
  let betValues = 0
  let penalty = 0
  let [lower, upper] = [0, 1]
  return {
    add(value) {
      if (!(value >= lowest && value <= highest))
        throw new SheikhError(
          'invalid-options',
          `Cannot watch the value ${value}: it is not in [${lowest}, ${highest}].`,
        )
      const scaled = (value - lowest) / width
      count += 1
      total += scaled
      // Everything a bet rests on was known before this value.
      const bet = Math.min(largestBet, Math.sqrt((2 * budget) / (regularVariance * count * Math.log(1 + count))))
      bets += bet
      betValues += bet * scaled
      penalty += 4 * (scaled - regularMean) ** 2 * ((-Math.log(1 - bet) - bet) / 4)
      regularMean = (0.5 + total) / (count + 1)
      squares += (scaled - regularMean) ** 2
      regularVariance = squares / (count + 1)
      const centre = betValues / bets
      const half = (budget + penalty) / bets
      lower = Math.max(lower, centre - half)
      upper = Math.min(upper, centre + half)
    },
    get count() {
      return count
    },
    get mean() {
      return count === 0 ? Number.NaN : lowest + (width * total) / count
    },
    interval: () => ({ lower: lowest + width * lower, upper: lowest + width * upper }),
  }
}
