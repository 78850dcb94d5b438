import { SheikhError } from '../core/index.js'
import { exponentialSumCdf } from './exponential-sum.js'
import { normalQuantile } from './normal.js'
import { checkedBetween } from './options.js'

/** A ratio of sums over independent groups: the sum of their values divided by the sum of their sizes. */
export interface GroupedRatio {
  /** One finite value per group: the sum of its items' scores or differences. */
  readonly sums: ArrayLike<number>
  /** Items per group, above 0. @default 1 each: the ratio is a mean */
  readonly sizes?: ArrayLike<number> | undefined
  /**
   * The worst group that the population can contain: `sum / size` is the lowest possible ratio of a group. For groups of
   * unequal size the gate takes Σ size³ / Σ size² as `size`.
   */
  readonly worst: { readonly sum: number; readonly size: number }
}

/**
 * The one-sided p-value for the claim that the true ratio is above `value`.
 *
 * The groups get random weights that add up to 1 (independent exponentials over their sum), and so does one more group,
 * the worst possible one. The p-value is the chance that the weighted ratio is at most `value`. The extra group
 * accounts for rare, large losses that no group of the sample happens to contain.
 *
 * For binary values this is the Clopper-Pearson bound, and for improvements against regressions at 0 the exact McNemar
 * test. For other distributions with a known worst value, Gaffke conjectured that the level holds, and no
 * counterexample is known; for many groups the power is that of a z-test.
 *
 * Sources: N. Gaffke, Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable,
 * Mathematical Methods of Statistics 14 (2005) 451–467. On bounds of this kind: M. Phan, P. Thomas and E. Learned-Miller,
 * Towards practical mean bounds for small samples, ICML 2021, Proceedings of Machine Learning Research 139, 8567–8576.
 *
 * @throws `invalid-options` for no groups, a sum that is not finite, or a size that is not above 0.
 *
 * @example
 * ```ts
 * gaffkeTest({ sums: [0, 0.2, -0.1, 0.4, 0.1, 0.3], worst: { sum: -1, size: 1 } }, -0.5) // 0.0072
 * ```
 */
export function gaffkeTest(ratio: GroupedRatio, value: number): number {
  return pValue(checked(ratio), value)
}

/**
 * The lower bound that matches `gaffkeTest`: the value whose p-value is `alpha`.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * gaffkeLowerBound({ sums: [0, 0.2, -0.1, 0.4, 0.1, 0.3], worst: { sum: -1, size: 1 } }, 0.05) // -0.31
 * ```
 */
export function gaffkeLowerBound(ratio: GroupedRatio, alpha: number): number {
  checkedBetween('alpha', alpha, 0, 1)
  const parts = checked(ratio)
  const { sums, sizes, worst } = parts
  const estimate = total(sums) / total(sizes)
  const least = worst.sum / worst.size
  // The search below is for a bound under the estimate; only few groups at a lax level put it above.
  let high = Math.max(estimate, least)
  if (pValue(parts, high) <= alpha) return high
  const wanted = normalQuantile(alpha)
  const excess = (at: number) => clamp(normalQuantile(pValue(parts, at))) - wanted
  let above = excess(high)
  let low = high
  let below = above
  for (let reach = likelyReach(parts, estimate, wanted); below >= 0; reach *= 2) {
    if (low === least) return least
    low = Math.max(least, estimate - reach)
    below = excess(low)
  }
  // The p-value as a normal quantile is close to a line: regula falsi, in G. Dowell and P. Jarratt's Illinois form.
  for (let round = 0; round < 200 && high - low > 1e-14 * Math.max(Math.abs(low), Math.abs(high)); round += 1) {
    const straight = high - (above * (high - low)) / (above - below)
    const next = straight > low && straight < high ? straight : (low + high) / 2
    const found = excess(next)
    if (found === 0) return next
    if (found < 0) {
      ;[low, below] = [next, found]
      above /= 2
    } else {
      ;[high, above] = [next, found]
      below /= 2
    }
    // Beyond this the p-value itself is rounded.
    if (Math.abs(found) < 1e-12) return next
  }
  return low
}

/** A distance that the bound is rarely further below the estimate than, by the normal approximation; above 0. */
function likelyReach({ sums, sizes, worst }: Parts, estimate: number, wanted: number): number {
  let squares = (worst.sum - estimate * worst.size) ** 2
  for (let group = 0; group < sums.length; group += 1) squares += (sums[group]! - estimate * sizes[group]!) ** 2
  const unseen = Math.abs(worst.sum - estimate * worst.size)
  const reach = (unseen + 1.5 * Math.abs(wanted) * Math.sqrt(squares)) / total(sizes)
  return reach > 0 ? reach : Number.MIN_VALUE
}

interface Parts {
  readonly sums: Float64Array
  readonly sizes: Float64Array
  readonly worst: GroupedRatio['worst']
}

function pValue({ sums, sizes, worst }: Parts, value: number): number {
  const excess = new Float64Array(sums.length + 1)
  for (let group = 0; group < sums.length; group += 1) excess[group] = sums[group]! - value * sizes[group]!
  excess[sums.length] = worst.sum - value * worst.size
  return exponentialSumCdf(excess)
}

function checked({ sums, sizes, worst }: GroupedRatio): Parts {
  const invalid = (fact: string) =>
    new SheikhError('invalid-options', `Cannot bound a ratio of sums: ${fact}. Give a sum and a size per group.`)
  if (sums.length === 0) throw invalid('there are no groups')
  if (sizes !== undefined && sizes.length !== sums.length)
    throw invalid(`there are ${sums.length} sums, but ${sizes.length} sizes`)
  const parts = {
    sums: Float64Array.from(sums),
    sizes: sizes === undefined ? new Float64Array(sums.length).fill(1) : Float64Array.from(sizes),
    worst,
  }
  const odd = parts.sums.findIndex((sum) => !Number.isFinite(sum))
  if (odd >= 0) throw invalid(`the sum of group ${odd} is ${parts.sums[odd]}`)
  const none = parts.sizes.findIndex((size) => !(size > 0 && Number.isFinite(size)))
  if (none >= 0) throw invalid(`the size of group ${none} is ${parts.sizes[none]}`)
  if (!(Number.isFinite(worst.sum) && worst.size > 0 && Number.isFinite(worst.size)))
    throw invalid(`the worst group has the sum ${worst.sum} and the size ${worst.size}`)
  return parts
}

const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0)
// A p-value of 0 or 1 has no finite quantile, and the line needs two points.
const clamp = (z: number) => Math.min(Math.max(z, -40), 40)
