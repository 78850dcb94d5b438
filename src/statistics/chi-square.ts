import { SheikhError } from '../core/index.js'
import { logGamma } from './gamma.js'
import { checkedCount } from './options.js'

/**
 * The probability that a χ² variable with `degrees` degrees of freedom is greater than `x`; relative error about 1e-13.
 *
 * Source: Press et al., Numerical Recipes, 3rd ed. (2007), 6.2: the series and, for large x, the continued fraction of the
 * incomplete gamma function.
 *
 * @throws `invalid-options`
 */
export function chiSquareTail(x: number, degrees: number): number {
  checkedCount('degrees', degrees, 1)
  if (!(x > 0)) return 1
  if (x === Number.POSITIVE_INFINITY) return 0
  const [a, z] = [degrees / 2, x / 2]
  const factor = Math.exp(a * Math.log(z) - z - logGamma(a))
  return z < a + 1 ? 1 - factor * lowerSeries(a, z) : factor * upperFraction(a, z)
}

const tolerance = 1e-16

function lowerSeries(a: number, z: number): number {
  let term = 1 / a
  let sum = term
  for (let n = 1; term > sum * tolerance; n += 1) {
    term *= z / (a + n)
    sum += term
  }
  return sum
}

/** By Lentz's method. Its terms converge for z > a + 1. */
function upperFraction(a: number, z: number): number {
  let b = z + 1 - a
  let c = Number.MAX_VALUE
  let d = 1 / b
  let fraction = d
  for (let n = 1; n < 10_000; n += 1) {
    const numerator = -n * (n - a)
    b += 2
    d = 1 / (numerator * d + b)
    c = b + numerator / c
    fraction *= c * d
    if (Math.abs(c * d - 1) <= tolerance) break
  }
  return fraction
}

export interface SampleRatioOptions {
  /** How many units got each variant. */
  readonly counts: readonly number[]
  /** The share of each variant: positive numbers, in any unit. */
  readonly shares: readonly number[]
}

export interface SampleRatio {
  readonly chiSquare: number
  /** The p-value of "the units were divided as planned", for one look. */
  readonly p: number
}

/**
 * Pearson's χ² test with k − 1 degrees of freedom: were units divided among the variants as planned? If not, the variants
 * cannot be compared. Expects at least five units per variant.
 *
 * Source: A. Fabijan et al., Diagnosing sample ratio mismatch in online controlled experiments, KDD 2019.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * sampleRatioTest({ counts: [821_588, 815_482], shares: [1, 1] }) // { chiSquare: 22.8, p: 0.0000018 }
 * ```
 */
export function sampleRatioTest({ counts, shares }: SampleRatioOptions): SampleRatio {
  for (const count of counts) checkedCount('counts', count)
  if (counts.length < 2 || shares.length !== counts.length || !shares.every((share) => share > 0 && share < Infinity))
    throw new SheikhError(
      'invalid-options',
      `Cannot check the division of units: there are ${counts.length} counts and ${shares.length} shares. Give one positive share per count, and at least two.`,
    )
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const [units, total] = [sum(counts), sum(shares)]
  if (units === 0) return { chiSquare: 0, p: 1 }
  const parts = counts.map((count, index) => {
    const expected = (units * shares[index]!) / total
    return (count - expected) ** 2 / expected
  })
  const chiSquare = sum(parts)
  return { chiSquare, p: chiSquareTail(chiSquare, counts.length - 1) }
}
