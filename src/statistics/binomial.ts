import { stirlingError } from './gamma.js'

/**
 * The probability of exactly `successes` of `trials`, each with chance `p`.
 *
 * Both may be real numbers. `failureChance` is 1 − p, if the caller knows it more precisely than the subtraction gives.
 * Source: C. Loader, Fast and Accurate Computation of Binomial Probabilities (2000), the saddle-point form that R uses.
 */
export function binomialPmf(successes: number, trials: number, p: number, failureChance: number = 1 - p): number {
  const failures = trials - successes
  if (successes < 0 || failures < 0) return 0
  if (p <= 0) return successes === 0 ? 1 : 0
  if (failureChance <= 0) return failures === 0 ? 1 : 0
  if (successes === 0) return Math.exp(trials * logOf(failureChance, p))
  if (failures === 0) return Math.exp(trials * logOf(p, failureChance))
  const exponent =
    stirlingError(trials) -
    stirlingError(successes) -
    stirlingError(failures) -
    deviance(successes, trials * p) -
    deviance(failures, trials * failureChance)
  return Math.exp(exponent) * Math.sqrt(trials / (2 * Math.PI * successes * failures))
}

const logOf = (chance: number, complement: number) => (complement < 0.5 ? Math.log1p(-complement) : Math.log(chance))

// x ln(x / mean) + mean − x, without the cancellation near x = mean (Loader's bd0).
function deviance(x: number, mean: number): number {
  if (Math.abs(x - mean) >= 0.1 * (x + mean)) return x * Math.log(x / mean) + mean - x
  const v = (x - mean) / (x + mean)
  let sum = (x - mean) * v
  let power = 2 * x * v
  for (let odd = 3; ; odd += 2) {
    power *= v * v
    const next = sum + power / odd
    // Also ends for NaN, which is never equal.
    if (!(next !== sum && odd < 2000)) return next
    sum = next
  }
}
