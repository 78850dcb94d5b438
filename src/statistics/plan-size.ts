import { crossing, exactNonInferiority, isCriticalScoreAtMost } from './exact-non-inferiority.js'
import { normalQuantile } from './normal.js'
import { checkedBetween, checkedCount, checkedWithin } from './options.js'
import { regionChance, scoreRegion } from './paired-region.js'
import {
  harmlessRegion,
  type NonInferiorityEngine,
  type PassRule,
  type PlanOptions,
  passChance,
} from './plan-non-inferiority.js'

export interface DetectableDropOptions {
  readonly n: number
  /** Share of items on which the models differ without any drop, in 0..1. Raised to the drop if that is larger. */
  readonly discordance: number
  /** Chance that the drop is detected. @default 0.8 */
  readonly power?: number
  /** Level of the one-sided mid-p McNemar. @default 0.05 */
  readonly alpha?: number
}

/**
 * The smallest true drop that n pairs detect with chance `power`, as a proportion, exact to 1e-6.
 *
 * Undefined below four pairs, where not even a candidate that loses all of them can fail.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * smallestDetectableDrop({ n: 500, discordance: 0.05 }) // 0.024
 * ```
 */
export function smallestDetectableDrop(options: DetectableDropOptions): number | undefined {
  const { n, discordance, power = 0.8, alpha = 0.05 } = options
  checkedCount('n', n, 1)
  checkedWithin('discordance', discordance, 0, 1)
  checkedBetween('power', power, 0, 1)
  checkedBetween('alpha', alpha, 0, 0.5)
  const harmless = harmlessRegion(n, alpha)
  const isSeen = (drop: number) =>
    1 - regionChance(harmless, { discordance: Math.max(discordance, drop), difference: -drop }) >= power
  return isSeen(1) ? smallestWhere(isSeen, 0, 1, 1e-6) : undefined
}

export interface SmallestMarginOptions extends Omit<PassRule, 'margin'> {
  readonly n: number
  readonly discordance: number
  /** Chance that a candidate of equal quality passes. @default 0.8 */
  readonly power?: number
}

/**
 * The smallest margin at which a candidate of equal quality passes with chance `power`, rounded up to 0.01 points.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * smallestMargin({ n: 500, discordance: 0.05 }) // 0.0262
 * ```
 */
export function smallestMargin({ power = 0.8, ...options }: SmallestMarginOptions): number {
  checkedCount('n', options.n, 1)
  checkedWithin('discordance', options.discordance, 0, 1)
  checkedBetween('power', power, 0, 1)
  // In ten-thousandths, so that the result prints without rounding.
  const steps = smallestWhere((step) => reaches({ ...options, margin: step / 10_000 }, power), 0, 9_999, 1)
  return steps / 10_000
}

export interface RequiredItemsOptions extends PassRule {
  readonly discordance: number
  /** Chance that a candidate of equal quality passes. @default 0.8 */
  readonly power?: number
}

/**
 * A number of items with which a candidate of equal quality passes with chance `power`. Exact for this number, which is
 * close to the smallest.
 *
 * The chance rises with n in small saw teeth, so a few per cent fewer items may reach it too. Infinity beyond ten million.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * requiredItems({ margin: 0.03, discordance: 0.05 }) // 392
 * ```
 */
export function requiredItems({ power = 0.8, ...options }: RequiredItemsOptions): number {
  checkedBetween('margin', options.margin, 0, 1)
  checkedWithin('discordance', options.discordance, 0, 1)
  checkedBetween('power', power, 0, 1)
  const isEnough = (n: number) => reaches({ ...options, n }, power)
  // J. Nam, Biometrics 53 (1997) 1422–1430, at equal quality: used only as the start of the search.
  const z = normalQuantile(1 - (options.alpha ?? 0.05)) + Math.max(0, normalQuantile(power))
  let high = Math.max(
    minimumItemsForMargin(options.margin, options),
    Math.ceil(options.discordance * (z / options.margin) ** 2),
  )
  if (high > maximumItems) return Infinity
  let low = 0
  while (!isEnough(high)) {
    low = high
    high = Math.ceil(high * 1.1) + 1
    if (high > maximumItems) return Infinity
  }
  return smallestWhere(isEnough, low, high, 1)
}

const maximumItems = 10_000_000

/** Whether `passChance` is at least `power`, without the critical score, which takes several searches. */
function reaches(options: PlanOptions, power: number): boolean {
  const { n, margin, discordance, trueDifference: difference = 0, alpha = 0.05, engine } = options
  // The score test alone rejects in a hundredth of the time, and both tests together pass less often.
  if (passChance({ ...options, engine: 'score' }) < power) return false
  if (engine === 'score') return true
  // The chance to reach a score falls as the score rises, so the critical one must not be above the last that suffices.
  const isReached = (z: number) => regionChance(scoreRegion({ n, margin, z }), { discordance, difference }) >= power
  return isCriticalScoreAtMost(crossing(isReached, normalQuantile(1 - alpha)).low, { n, margin, alpha })
}

/**
 * The fewest items with which two models that never disagree pass at this margin; at 2 points 149, by the score test 133.
 *
 * With fewer items, only a candidate that performs better can pass. The score test needs √(n · margin / (1 − margin))
 * ≥ z, the exact test at least (1 − margin)ⁿ ≤ alpha; above ten million only these two are used.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * minimumItemsForMargin(0.02) // 149
 * ```
 */
export function minimumItemsForMargin(
  margin: number,
  { alpha = 0.05, engine = 'score-and-exact' }: MinimumItemsOptions = {},
): number {
  checkedBetween('margin', margin, 0, 1)
  checkedBetween('alpha', alpha, 0, 0.5)
  const score = Math.ceil((normalQuantile(1 - alpha) ** 2 * (1 - margin)) / margin)
  if (engine === 'score') return score
  let n = Math.max(score, Math.ceil(Math.log(alpha) / Math.log1p(-margin)))
  // No set is this large, and sums over as many outcomes would take forever.
  if (n > maximumItems) return n
  // At large margins (0.3: 10 items, not 9) outcomes with wins score as high and weigh more at another discordance.
  while (exactNonInferiority({ b: 0, c: 0, n, margin }) > alpha) n++
  return n
}

export interface MinimumItemsOptions {
  /** @default 0.05 */
  readonly alpha?: number
  /** @default 'score-and-exact' */
  readonly engine?: NonInferiorityEngine
}

// Bisects between a `low` that is assumed to be too small and a `high` that is known to suffice.
function smallestWhere(holds: (value: number) => boolean, low: number, high: number, resolution: number): number {
  let no = low
  let yes = high
  while (yes - no > resolution) {
    const middle = resolution === 1 ? Math.floor((no + yes) / 2) : (no + yes) / 2
    if (holds(middle)) yes = middle
    else no = middle
  }
  return yes
}
