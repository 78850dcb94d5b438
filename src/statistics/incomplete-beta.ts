import { SheikhError } from '../core/index.js'
import { binomialPmf } from './binomial.js'
import { checkedWithin } from './options.js'

/**
 * The regularized incomplete beta function I_x(a, b), for a, b > 0 and x in 0..1.
 *
 * Source: Press et al., Numerical Recipes, 3rd ed. (2007), 6.4: continued fraction by Lentz's method. The factor before
 * it is a binomial probability in Loader's form instead of three log-gammas, which keeps twelve digits at a + b = 10⁶.
 */
export function regularizedBeta(x: number, a: number, b: number): number {
  checkedWithin('x', x, 0, 1)
  if (x === 0 || x === 1) return x
  // The fraction converges fast on this side only; the other side is its mirror.
  if (x > (a + 1) / (a + b + 2)) return 1 - lowerTail(1 - x, x, b, a)
  return lowerTail(x, 1 - x, a, b)
}

const lowerTail = (x: number, y: number, a: number, b: number) =>
  ((binomialPmf(a, a + b, x, y) * b) / (a + b)) * betaFraction(x, a, b)

// Needs about √max(a, b) terms; this bound is far beyond a + b = 10⁹.
const maximumTerms = 1_000_000
// Replaces a zero denominator, as Lentz's method requires.
const tiny = 1e-300
const tolerance = 1e-15

function betaFraction(x: number, a: number, b: number): number {
  let c = 1
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= maximumTerms; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / awayFromZero(1 + even * d)
    c = awayFromZero(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / awayFromZero(1 + odd * d)
    c = awayFromZero(1 + odd / c)
    const factor = d * c
    fraction *= factor
    if (Math.abs(factor - 1) <= tolerance) return fraction
  }
  throw new SheikhError(
    'invalid-options',
    `Cannot compute the incomplete beta function: no convergence at x = ${x}, a = ${a}, b = ${b}. Use smaller counts.`,
    { facts: { x, a, b } },
  )
}

const awayFromZero = (value: number) => (Math.abs(value) < tiny ? tiny : value)

/** The x at which I_x(a, b) is `p`: Newton's steps, each kept inside a shrinking bracket. */
export function inverseRegularizedBeta(p: number, a: number, b: number): number {
  checkedWithin('p', p, 0, 1)
  if (p === 0 || p === 1) return p
  let low = 0
  let high = 1
  let x = a / (a + b)
  // Newton needs about six steps; 1,100 halvings reach the smallest double, so the loop always ends at an answer.
  for (let step = 0; step < 1100; step++) {
    const error = regularizedBeta(x, a, b) - p
    if (error === 0) return x
    if (error > 0) high = x
    else low = x
    const density = (binomialPmf(a, a + b, x) * a * b) / ((a + b) * x * (1 - x))
    const newton = x - error / density
    const next = newton > low && newton < high ? newton : (low + high) / 2
    if (Math.abs(next - x) <= 1e-15 * x) return next
    x = next
  }
  return x
}
