import { regularizedBeta } from './incomplete-beta.js'

/** The probability of at most `successes` of `trials`, each with chance `p`. */
export function binomialCdf(successes: number, trials: number, p: number): number {
  if (successes < 0) return 0
  if (successes >= trials) return 1
  return regularizedBeta(1 - p, trials - successes, successes + 1)
}

/** The probability of at least `successes` of `trials`, each with chance `p`. */
export function binomialUpperTail(successes: number, trials: number, p: number): number {
  if (successes <= 0) return 1
  if (successes > trials) return 0
  return regularizedBeta(p, successes, trials - successes + 1)
}
