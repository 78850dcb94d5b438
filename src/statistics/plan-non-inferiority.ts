import { criticalScore } from './exact-non-inferiority.js'
import { harmThreshold } from './mcnemar.js'
import { normalQuantile } from './normal.js'
import { checkedBetween, checkedCount, checkedMargin, checkedWithin } from './options.js'
import { type PairedRegion, regionChance, scoreRegion } from './paired-region.js'

/**
 * What a pass must satisfy: Tango's score test alone, or the exact unconditional test as well.
 *
 * The gate asks both; the score test alone lets through more than `alpha` of the models that are worse by the margin.
 */
export type NonInferiorityEngine = 'score' | 'score-and-exact'

export interface PassRule {
  /** The loss that is tolerated, as a proportion in 0..1, 1 excluded. */
  readonly margin: number
  /** Level of each one-sided test. @default 0.05 */
  readonly alpha?: number
  /** @default 'score-and-exact' */
  readonly engine?: NonInferiorityEngine
}

export interface PlanOptions extends PassRule {
  /** Pairs: items of the evaluation set. */
  readonly n: number
  /** Expected share of items that one model answers rightly and the other wrongly, in 0..1. */
  readonly discordance: number
  /** True quality of the candidate less that of the baseline; at most `discordance` either way. @default 0 */
  readonly trueDifference?: number
}

/** The chances of the three verdicts; they add up to 1. */
export interface SampleSizePlan {
  readonly pass: number
  readonly fail: number
  readonly inconclusive: number
}

/**
 * The chances of the verdicts of a paired binary comparison, summed over the exact distribution of (b, c).
 *
 * In this order: pass by `engine`; fail where b > c and the one-sided mid-p McNemar is at most `alpha`; else inconclusive.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * planNonInferiority({ n: 500, discordance: 0.05, margin: 0.03 }) // { pass: 0.882, fail: 0.047, inconclusive: 0.07 }
 * ```
 */
export function planNonInferiority(options: PlanOptions): SampleSizePlan {
  const { n, discordance, trueDifference: difference = 0, alpha = 0.05 } = options
  checkedCount('n', n, 1)
  checkedWithin('discordance', discordance, 0, 1)
  checkedWithin('trueDifference', difference, -discordance, discordance)
  const passing = passRegion(n, options)
  const unharmed = harmlessRegion(n, alpha)
  const chances = { discordance, difference }
  const pass = regionChance(passing, chances)
  // A pass comes first: an outcome may be both, worse beyond doubt and yet within the margin.
  const either = regionChance(
    passing.map((least, t) => Math.min(least, unharmed[t] as number)),
    chances,
  )
  const inconclusive = Math.max(0, either - pass)
  return { pass, fail: Math.max(0, 1 - pass - inconclusive), inconclusive }
}

/** The chance alone that such a candidate passes. */
export function passChance(options: PlanOptions): number {
  const { n, discordance, trueDifference: difference = 0 } = options
  return regionChance(passRegion(n, options), { discordance, difference })
}

function passRegion(n: number, { margin, alpha = 0.05, engine = 'score-and-exact' }: PassRule): PairedRegion {
  checkedMargin(margin)
  checkedBetween('alpha', alpha, 0, 0.5)
  const z = engine === 'score' ? normalQuantile(1 - alpha) : criticalScore({ n, margin, alpha })
  return scoreRegion({ n, margin, z })
}

/** The outcomes of n pairs that the mid-p McNemar does not call harm. */
export function harmlessRegion(n: number, alpha: number): PairedRegion {
  const least: PairedRegion = new Int32Array(n + 1)
  let c = -1
  for (let t = 0; t <= n; t++) {
    c = harmThreshold(t, alpha, c)
    least[t] = c + 1
  }
  return least
}
