import { type Random, SheikhError, seededRandom } from '../core/index.js'
import { chiSquareTail } from './chi-square.js'
import { checkedCount } from './options.js'

export interface HomogeneityOptions {
  /** How often each category occurs in the first sample. */
  readonly one: readonly number[]
  /** The same for the second sample, in the same order. */
  readonly other: readonly number[]
  /** Random divisions, if the counts are too small for the χ² distribution. At least 99. @default 9999 */
  readonly permutations?: number
  /** @default 0 */
  readonly seed?: number | string
}

export interface HomogeneityResult {
  /** Pearson's χ². */
  readonly statistic: number
  /** Categories that occur, less one. */
  readonly degrees: number
  readonly pValue: number
  /** `permutation`: an expected count is below 5. */
  readonly method: 'chi-square' | 'permutation'
  /** Half of the sum of absolute differences of the shares, from 0 (equal) to 1 (no common category). */
  readonly totalVariation: number
}

/**
 * Whether two samples have the same distribution over categories: the χ² test of homogeneity.
 *
 * If an expected count is below 5 (Cochran 1954), the p-value comes from random divisions of the pooled items instead, and is then
 * valid for any counts: (1 + divisions with at least this χ²) / (1 + divisions). Source: W. G. Cochran, Biometrics 10 (1954)
 * 417–451; B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39.
 *
 * @throws `invalid-options` for counts that are not whole numbers, lists of different lengths, or an empty sample.
 *
 * @example
 * ```ts
 * homogeneity({ one: [50, 50], other: [70, 30] }) // pValue 0.0039, totalVariation 0.2
 * ```
 */
export function homogeneity({ one, other, permutations = 9999, seed = 0 }: HomogeneityOptions): HomogeneityResult {
  if (one.length !== other.length) throw invalid(`there are ${one.length} and ${other.length} categories`)
  for (const count of [...one, ...other]) checkedCount('count', count)
  checkedCount('permutations', permutations, 99)
  const [size, otherSize] = [sumOf(one), sumOf(other)]
  if (size === 0 || otherSize === 0) throw invalid('a sample is empty')
  const totals = one.map((count, index) => count + other[index]!)
  const degrees = totals.filter((total) => total > 0).length - 1
  const totalVariation = sumOf(one.map((count, index) => Math.abs(count / size - other[index]! / otherSize))) / 2
  const share = size / (size + otherSize)
  const statistic = pearson(one, totals, share)
  const rarest = totals.reduce((least, total) => (total > 0 ? Math.min(least, total) : least), Infinity)
  const smallest = rarest * Math.min(share, 1 - share)
  const result = { statistic, degrees, totalVariation }
  if (degrees === 0) return { ...result, pValue: 1, method: 'chi-square' }
  if (smallest >= 5) return { ...result, pValue: chiSquareTail(statistic, degrees), method: 'chi-square' }
  const pValue = permuted(totals, Math.min(size, otherSize), statistic, permutations, seededRandom(seed))
  return { ...result, pValue, method: 'permutation' }
}

/** Σ (observed − expected)² / expected over both samples; the second sample's observed counts follow from the totals. */
function pearson(counts: ArrayLike<number>, totals: readonly number[], share: number): number {
  let sum = 0
  for (let index = 0; index < totals.length; index += 1) {
    const total = totals[index]!
    if (total > 0) sum += (counts[index]! - total * share) ** 2 / (total * share * (1 - share))
  }
  return sum
}

function permuted(
  totals: readonly number[],
  size: number,
  observed: number,
  permutations: number,
  random: Random,
): number {
  const pool = Int32Array.from(totals.flatMap((total, category) => Array<number>(total).fill(category)))
  const counts = new Int32Array(totals.length)
  const share = size / pool.length
  // Equal divisions must count as equal, although their sums are rounded differently.
  const threshold = observed * (1 - 1e-12)
  let atLeast = 1
  for (let round = 0; round < permutations; round += 1) {
    counts.fill(0)
    // The first `size` steps of a shuffle; it may start from any order.
    for (let index = 0; index < size; index += 1) {
      const pick = index + random.below(pool.length - index)
      const category = pool[pick]!
      pool[pick] = pool[index]!
      pool[index] = category
      counts[category]! += 1
    }
    if (pearson(counts, totals, share) >= threshold) atLeast += 1
  }
  return atLeast / (1 + permutations)
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

const invalid = (fact: string) =>
  new SheikhError(
    'invalid-options',
    `Cannot compare two samples: ${fact}. Give both samples a count for each category.`,
  )
