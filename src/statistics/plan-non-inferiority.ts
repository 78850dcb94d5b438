import { criticalScore } from './exact-non-inferiority.js'
import { harmThreshold } from './mcnemar.js'
import { normalQuantile } from './normal.js'
import { checkedBetween, checkedCount, checkedMargin, checkedWithin } from './options.js'
import { type PairedRegion, regionChance, scoreRegion } from './paired-region.js'

/**
 * The tests that a pass must satisfy: only Tango's score test, or also the exact unconditional test.
 *
 * The gate requires both. The score test alone passes more than `alpha` of the models that are worse by the margin.
 */
export type NonInferiorityEngine = 'score' | 'score-and-exact'

export interface PassRule {
  /** The tolerated loss, as a proportion in 0..1, excluding 1. */
  readonly margin: number
  /** Level of each one-sided test. @default 0.05 */
  readonly alpha?: number
  /** @default 'score-and-exact' */
  readonly engine?: NonInferiorityEngine
}

export interface PlanOptions extends PassRule {
  /** Number of pairs: items of the evaluation set. */
  readonly n: number
  /** Expected share of items that only one of the models answers correctly, in 0..1. */
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
 * The chances of the three verdicts in a paired binary comparison, computed from the exact distribution of (b, c).
 *
 * Decided in this order: pass by `engine`; fail if b > c and the one-sided mid-p McNemar is at most `alpha`; otherwise
 * inconclusive.
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
  // A pass takes precedence: an outcome may be significantly worse and yet within the margin.
  const either = regionChance(
    passing.map((least, t) => Math.min(least, unharmed[t] as number)),
    chances,
  )
  const inconclusive = Math.max(0, either - pass)
  return { pass, fail: Math.max(0, 1 - pass - inconclusive), inconclusive }
}

/** Computes only the chance that such a candidate passes. */
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

/** The outcomes of n pairs that are not a regression by the mid-p McNemar test. */
export function harmlessRegion(n: number, alpha: number): PairedRegion {
  const least: PairedRegion = new Int32Array(n + 1)
  let c = -1
  for (let t = 0; t <= n; t++) {
    c = harmThreshold(t, alpha, c)
    least[t] = c + 1
  }
  return least
}
