import { normalQuantile } from './normal.js'
import { checkedBetween, checkedCount, checkedMargin, checkedPairs } from './options.js'
import { type PairedRegion, regionChance, scoreRegion } from './paired-region.js'
import { type PairedCounts, tangoScore } from './tango.js'

export interface ExactNonInferiorityOptions extends PairedCounts {
  /** The tolerated loss, as a proportion in 0..1, excluding 1. */
  readonly margin: number
}

/**
 * The exact unconditional p-value of non-inferiority.
 *
 * The probability of a Tango score at least as large as the observed one if the candidate is truly worse by exactly the
 * margin, at the discordance (margin..1) that maximises this probability. Found by search on a fine grid. Source: the
 * construction is G. A. Barnard's, Biometrika 34 (1947) 123–138, with T. Tango's statistic.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * exactNonInferiority({ b: 5, c: 4, n: 400, margin: 0.02 }) // 0.027
 * ```
 */
export function exactNonInferiority({ b, c, n, margin }: ExactNonInferiorityOptions): number {
  checkedPairs({ b, c, n })
  checkedMargin(margin)
  return worstDiscordance(scoreRegion({ n, margin, z: tangoScore(b, c, n, -margin) }), margin).chance
}

/**
 * The smallest Tango score for which `exactNonInferiority` is at most `alpha`. Never below the normal quantile.
 *
 * One number for all outcomes of n pairs, so that planning does not need a p-value for each. An outcome with this score
 * passes both the score test and the exact test.
 */
export function criticalScore({ n, margin, alpha = 0.05 }: CriticalScoreOptions): number {
  checkedCount('n', n, 1)
  checkedMargin(margin)
  checkedBetween('alpha', alpha, 0, 0.5)
  let low = normalQuantile(1 - alpha)
  // Cutting planes: the score is searched against few discordances, and only the answer against all of them.
  const discordances: number[] = []
  while (true) {
    const region = scoreRegion({ n, margin, z: low })
    const worst = worstDiscordance(region, margin)
    if (worst.chance <= alpha) return low
    discordances.push(worst.discordance)
    const isTooLow = (z: number) => {
      const candidate = scoreRegion({ n, margin, z })
      return discordances.some((discordance) => regionChance(candidate, { discordance, difference: -margin }) > alpha)
    }
    low = smallestPassing(isTooLow, low)
  }
}

/**
 * Whether `criticalScore` is at most `score`, in a fraction of the time: one search over the discordances, not one for
 * each cutting plane.
 */
export function isCriticalScoreAtMost(score: number, { n, margin, alpha = 0.05 }: CriticalScoreOptions): boolean {
  if (score < normalQuantile(1 - alpha)) return false
  return worstDiscordance(scoreRegion({ n, margin, z: score }), margin, alpha).chance <= alpha
}

export interface CriticalScoreOptions {
  readonly n: number
  readonly margin: number
  /** @default 0.05 */
  readonly alpha?: number
}

// Finer than the gaps between attainable scores up to about n = 10⁵; beyond that, conservative by less than this.
const scoreResolution = 1e-9

const smallestPassing = (isTooLow: (z: number) => boolean, from: number): number => crossing(isTooLow, from).high

/** The last score from `from` up for which `holds`, and the first for which it does not, to `scoreResolution`. */
export function crossing(holds: (z: number) => boolean, from: number): { low: number; high: number } {
  let low = from
  let width = 0.125
  // Ends: above the largest score of n pairs no outcome is left, and its chance is 0.
  while (holds(low + width)) {
    low += width
    width *= 2
  }
  let high = low + width
  while (high - low > scoreResolution) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return { low, high }
}

/**
 * Where a candidate that is worse by the margin is likeliest to land in `region`.
 *
 * The chance is smooth but has many local maxima, so a grid comes first: even in θ with q = m + (1 − m) sin² θ, which
 * makes neighbours at most a quarter of a standard deviation apart in Fisher's metric of (b, c) at every q (up to
 * n = 10⁵; coarser beyond, where the chance is flatter too). Then golden sections around the best few points. Ends at the
 * first point whose chance is above `enough`.
 */
function worstDiscordance(region: PairedRegion, margin: number, enough = 1): { chance: number; discordance: number } {
  const n = region.length - 1
  const points = Math.min(maximumGridPoints, Math.ceil(4 * Math.PI * Math.sqrt(n)) + 8)
  const step = Math.PI / 2 / points
  const discordanceAt = (theta: number) => margin + (1 - margin) * Math.sin(theta) ** 2
  const chanceAt = (theta: number) => regionChance(region, { discordance: discordanceAt(theta), difference: -margin })
  const grid: { theta: number; chance: number }[] = []
  for (let index = 0; index <= points; index++) {
    const theta = index * step
    const chance = chanceAt(theta)
    if (chance > enough) return { chance, discordance: discordanceAt(theta) }
    grid.push({ theta, chance })
  }
  const peaks = grid
    .filter(
      ({ chance }, index) =>
        chance >= (grid[index - 1]?.chance ?? -1) && chance >= (grid[index + 1]?.chance ?? -1) && chance > 0,
    )
    .sort((one, other) => other.chance - one.chance)
    .slice(0, refinedPeaks)
  let best = grid[0] as { theta: number; chance: number }
  for (const peak of peaks) {
    if (peak.chance > best.chance) best = peak
    const refined = goldenSection(chanceAt, Math.max(0, peak.theta - step), Math.min(Math.PI / 2, peak.theta + step))
    if (refined.chance > best.chance) best = refined
  }
  return { chance: best.chance, discordance: discordanceAt(best.theta) }
}

const maximumGridPoints = 4000
// The true maximum hides beside the best grid point, or beside one almost as high.
const refinedPeaks = 3

// J. Kiefer, Proc. Amer. Math. Soc. 4 (1953) 502–506.
function goldenSection(chanceAt: (theta: number) => number, from: number, to: number) {
  const ratio = (Math.sqrt(5) - 1) / 2
  let low = from
  let high = to
  let left = high - ratio * (high - low)
  let right = low + ratio * (high - low)
  let leftChance = chanceAt(left)
  let rightChance = chanceAt(right)
  // 24 sections leave 1e-5 of the bracket: near a maximum the chance is then exact to about 1e-11.
  for (let section = 0; section < 24; section++) {
    if (leftChance > rightChance) {
      high = right
      right = left
      rightChance = leftChance
      left = high - ratio * (high - low)
      leftChance = chanceAt(left)
    } else {
      low = left
      left = right
      leftChance = rightChance
      right = low + ratio * (high - low)
      rightChance = chanceAt(right)
    }
  }
  return leftChance > rightChance ? { theta: left, chance: leftChance } : { theta: right, chance: rightChance }
}
