import { type Random, SheikhError, seededRandom } from '../core/index.js'
import { normalCdf, normalQuantile } from './normal.js'
import { checkedBetween, checkedCount } from './options.js'

export interface BcaBootstrapOptions {
  /**
   * The columns to add up, of equal length, with one finite value per group. A mean needs one column; the difference of
   * two ratios (F1, perplexity) needs four.
   */
  readonly columns: readonly ArrayLike<number>[]
  /**
   * Computes the statistic from the columns' sums over a resample and the number of groups. @default the first sum
   * divided by the number of groups
   */
  readonly statistic?: (sums: Float64Array, groups: number) => number
  /** Coverage probability of the two-sided interval. @default 0.95 */
  readonly confidence?: number
  /** At least 100. @default 10,000 */
  readonly resamples?: number
  /** @default 0 */
  readonly seed?: number | string
}

export interface BcaBootstrapResult {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  /** Median bias z₀ and acceleration a of the method. */
  readonly bias: number
  readonly acceleration: number
  /** True if every resample gave the same value, so that the interval has no width and is not informative. */
  readonly degenerate: boolean
  /**
   * One-sided p-value for the claim that the statistic is above a value: the level at which the lower end equals the
   * value.
   */
  pAbove(value: number): number
  /** One-sided p-value for the claim that the statistic is below a value. */
  pBelow(value: number): number
}

const meanOfFirst = (sums: Float64Array, groups: number) => sums[0]! / groups

/**
 * The bias-corrected and accelerated bootstrap interval of any statistic of sums. Groups are resampled with
 * replacement.
 *
 * The ends are quantiles of the resamples at levels moved by z₀ and a; a comes from the jackknife. Resamples whose
 * statistic is not a number (a denominator of 0) are ignored. The same seed gives the same interval everywhere.
 *
 * Source: B. Efron, J. Am. Stat. Assoc. 82 (1987) 171–185; B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap
 * (1993), § 14.3.
 *
 * @throws `invalid-options` for no columns, columns of different lengths, fewer than two groups, a value that is not
 * finite, or a statistic that is not a number on the original data.
 *
 * @example
 * ```ts
 * const { estimate, lower, upper } = bcaBootstrap({ columns: [[0, 0.2, -0.1, 0.4, 0.1, 0.3]] }) // 0.15, 0.017, 0.283
 * ```
 */
export function bcaBootstrap(options: BcaBootstrapOptions): BcaBootstrapResult {
  const { statistic = meanOfFirst, confidence = 0.95, resamples = 10_000, seed = 0 } = options
  const columns = checkedColumns(options.columns)
  const groups = columns[0]!.length
  const alpha = (1 - checkedBetween('confidence', confidence, 0, 1)) / 2
  checkedCount('resamples', resamples, 100)

  const totals = Float64Array.from(columns, (column) => column.reduce((sum, value) => sum + value, 0))
  const estimate = statistic(totals.slice(), groups)
  if (!Number.isFinite(estimate)) throw invalid(`the statistic is ${estimate} on the original data`)
  const replicates = resample(columns, totals, groups, statistic, resamples, seed)
  if (replicates.length < resamples / 2)
    throw invalid(`the statistic is a number on only ${replicates.length} of ${resamples} resamples`)
  replicates.sort()
  const [least, most] = [replicates[0]!, replicates.at(-1)!]
  if (least === most) {
    const certain = { estimate, lower: least, upper: most, bias: 0, acceleration: 0, degenerate: true }
    return { ...certain, pAbove: () => 1, pBelow: () => 1 }
  }

  const bias = normalScore(replicates, estimate)
  const acceleration = accelerationOf(columns, totals, groups, statistic)
  const end = (level: number) => {
    const z = bias + normalQuantile(level)
    return quantile(replicates, normalCdf(bias + z / (1 - acceleration * z)))
  }
  const pAbove = (value: number) => {
    // The end's formula, solved for the level.
    const distance = normalScore(replicates, value) - bias
    return normalCdf(distance / (1 + acceleration * distance) - bias)
  }
  return {
    estimate,
    lower: end(alpha),
    upper: end(1 - alpha),
    bias,
    acceleration,
    degenerate: false,
    pAbove,
    pBelow: (value) => 1 - pAbove(value),
  }
}

function checkedColumns(columns: readonly ArrayLike<number>[]): readonly Float64Array[] {
  const [first] = columns
  if (first === undefined) throw invalid('there are no columns')
  if (first.length < 2) throw invalid(`there are ${first.length} groups, but at least 2 are needed`)
  return columns.map((column, index) => {
    if (column.length !== first.length)
      throw invalid(`column ${index} has ${column.length} groups, not ${first.length}`)
    const values = Float64Array.from(column)
    const odd = values.findIndex((value) => !Number.isFinite(value))
    if (odd >= 0) throw invalid(`the value of group ${odd} in column ${index} is ${values[odd]}`)
    return values
  })
}

function resample(
  columns: readonly Float64Array[],
  totals: Float64Array,
  groups: number,
  statistic: (sums: Float64Array, groups: number) => number,
  resamples: number,
  seed: number | string,
): Float64Array {
  const replicates = new Float64Array(resamples)
  const drawSums = summing(columns, totals, seededRandom(seed))
  let kept = 0
  for (let draw = 0; draw < resamples; draw += 1) {
    const value = statistic(drawSums(), groups)
    if (Number.isFinite(value)) {
      replicates[kept] = value
      kept += 1
    }
  }
  return replicates.slice(0, kept)
}

/** Draws the columns' sums over a resample, always into the same array. */
function summing(columns: readonly Float64Array[], totals: Float64Array, random: Random): () => Float64Array {
  const sums = new Float64Array(columns.length)
  const groups = columns[0]!.length
  // A column of equal values (weights of 1) has the same sum in every resample.
  const varying = columns.flatMap((column, index) => (column.some((value) => value !== column[0]) ? [index] : []))
  const [first] = varying
  if (first !== undefined && varying.length === 1 && groups <= 65_536) {
    const drawSum = random.resampledSum(columns[first]!)
    return () => {
      sums.set(totals)
      sums[first] = drawSum()
      return sums
    }
  }
  const picks = new Uint32Array(groups)
  return () => {
    sums.set(totals)
    // All columns use the same picks, so that values of a group stay together.
    random.fillBelow(picks, groups)
    for (const index of varying) sums[index] = sumOf(columns[index]!, picks)
    return sums
  }
}

function sumOf(column: Float64Array, picks: Uint32Array): number {
  let sum = 0
  for (let index = 0; index < picks.length; index += 1) sum += column[picks[index]!]!
  return sum
}

/** From the skewness of the leave-one-out values: Σd³ / (6 (Σd²)^1.5), d the mean of them less each. */
function accelerationOf(
  columns: readonly Float64Array[],
  totals: Float64Array,
  groups: number,
  statistic: (sums: Float64Array, groups: number) => number,
): number {
  const sums = new Float64Array(columns.length)
  const values = new Float64Array(groups)
  for (let group = 0; group < groups; group += 1) {
    for (const [index, column] of columns.entries()) sums[index] = totals[index]! - column[group]!
    values[group] = statistic(sums, groups - 1)
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / groups
  let squares = 0
  let cubes = 0
  for (const value of values) {
    const distance = mean - value
    squares += distance ** 2
    cubes += distance ** 3
  }
  const acceleration = cubes / (6 * squares ** 1.5)
  // Without a leave-one-out value there is no skewness to correct for.
  return Number.isFinite(acceleration) ? acceleration : 0
}

/**
 * The rank of a value among sorted ones, as a normal quantile. Half of the ties count as below, because discrete data
 * have many ties.
 */
function normalScore(sorted: Float64Array, value: number): number {
  const below = (countBelow(sorted, value) + countUpTo(sorted, value)) / 2
  return normalQuantile(Math.min(Math.max(below, 0.5), sorted.length - 0.5) / sorted.length)
}

/** The quantile of sorted values, linear between neighbours (definition 7 of Hyndman and Fan, Am. Stat. 50, 1996). */
function quantile(sorted: Float64Array, level: number): number {
  const at = Math.min(Math.max(level, 0), 1) * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!)
}

const countBelow = (sorted: Float64Array, value: number) => boundary(sorted, (one) => one < value)
const countUpTo = (sorted: Float64Array, value: number) => boundary(sorted, (one) => one <= value)

function boundary(sorted: Float64Array, holds: (value: number) => boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(sorted[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}

const invalid = (fact: string) =>
  new SheikhError(
    'invalid-options',
    `Cannot bootstrap: ${fact}. Give columns of finite numbers with one value per group.`,
  )
