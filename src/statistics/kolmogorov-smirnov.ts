import { SheikhError } from '../core/index.js'

export interface KolmogorovSmirnovResult {
  /** The largest difference of the two empirical distribution functions, from 0 to 1. */
  readonly statistic: number
  /** Two-sided. */
  readonly pValue: number
  readonly method: 'exact' | 'asymptotic'
}

/** The exact p-value takes one step for each pair of a value of one sample and a value of the other. */
const mostExactSteps = 30_000_000

/**
 * Whether two samples of numbers come from one distribution: the two-sample Kolmogorov–Smirnov test.
 *
 * The p-value is exact, also with ties, given the pooled values; beyond 30 million pairs it is Smirnov's limit, which is
 * conservative with ties. Source: G. Schröer and D. Trenkler, Comput. Stat. Data Anal. 20 (1995) 185–202, in the form that R's
 * `psmirnov` uses; N. Smirnov, Ann. Math. Stat. 19 (1948) 279–281.
 *
 * @throws `invalid-options` for an empty sample or a value that is not finite.
 *
 * @example
 * ```ts
 * kolmogorovSmirnov([1, 2, 3, 4], [3, 4, 5, 6]) // statistic 0.5, pValue 0.77
 * ```
 */
export function kolmogorovSmirnov(one: ArrayLike<number>, other: ArrayLike<number>): KolmogorovSmirnovResult {
  const [x, y] = [sorted(one), sorted(other)]
  const [m, n] = [x.length, y.length]
  // Distances are compared as whole numbers of 1 / (m n), so that no rounding decides.
  const { distance, isEnd } = walk(x, y)
  const statistic = distance / (m * n)
  if (m * n <= mostExactSteps) return { statistic, pValue: exactTail(m, n, distance, isEnd), method: 'exact' }
  return { statistic, pValue: smirnovTail(statistic * Math.sqrt((m * n) / (m + n))), method: 'asymptotic' }
}

/** @returns `isEnd[k]`: whether the k smallest values of both samples end a group of equal values. */
function walk(x: Float64Array, y: Float64Array): { readonly distance: number; readonly isEnd: Uint8Array } {
  const [m, n] = [x.length, y.length]
  const isEnd = new Uint8Array(m + n + 1)
  let distance = 0
  for (let i = 0, j = 0; i < m || j < n; ) {
    const value = i < m && (j === n || x[i]! <= y[j]!) ? x[i]! : y[j]!
    while (i < m && x[i] === value) i += 1
    while (j < n && y[j] === value) j += 1
    isEnd[i + j] = 1
    distance = Math.max(distance, Math.abs(i * n - j * m))
  }
  return { distance, isEnd }
}

/**
 * The probability that a random order of the pooled values is somewhere at least `distance` apart. `reached[j]` is that of the
 * orders that begin with i values of the first sample and j of the second, in any order.
 */
function exactTail(m: number, n: number, distance: number, isEnd: Uint8Array): number {
  const isApart = (i: number, j: number) => isEnd[i + j] === 1 && Math.abs(i * n - j * m) >= distance
  const reached = new Float64Array(n + 1)
  for (let j = 1; j <= n; j += 1) reached[j] = isApart(0, j) ? 1 : reached[j - 1]!
  for (let i = 1; i <= m; i += 1) {
    if (isApart(i, 0)) reached[0] = 1
    for (let j = 1; j <= n; j += 1) {
      if (isApart(i, j)) reached[j] = 1
      else reached[j] = (i * reached[j]! + j * reached[j - 1]!) / (i + j)
    }
  }
  return Math.min(1, reached[n]!)
}

/** 2 Σ (−1)^(k−1) exp(−2 k² z²). */
function smirnovTail(z: number): number {
  // The result is 1 to twelve digits there.
  if (z < 0.2) return 1
  let sum = 0
  for (let k = 1; k <= 100; k += 1) {
    const term = Math.exp(-2 * k * k * z * z)
    sum += k % 2 === 1 ? term : -term
    if (term < 1e-17 * Math.abs(sum)) break
  }
  return Math.min(1, Math.max(0, 2 * sum))
}

function sorted(values: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(values)
  if (copy.length === 0) throw invalid('a sample is empty')
  const odd = copy.find((value) => !Number.isFinite(value))
  if (odd !== undefined) throw invalid(`a value is ${odd}`)
  return copy.sort()
}

const invalid = (fact: string) =>
  new SheikhError('invalid-options', `Cannot compare two samples: ${fact}. Give two lists of finite numbers.`)
