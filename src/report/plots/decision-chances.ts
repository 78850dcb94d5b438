import {
  criticalScore,
  minimumItemsForMargin,
  normalCdf,
  normalQuantile,
  passChance,
  planNonInferiority,
  type SampleSizePlan,
} from '../../statistics/index.js'

/** Beyond this many groups the exact sums take more than an instant, and the normal law is close. */
export const mostExact = 1000
/** Level of a claim of harm, independent of the level of a pass. */
const harmAlpha = 0.05

export interface DecisionQuestion {
  /** Groups. */
  readonly n: number
  /** Share of groups that one model has right and the other wrong, 0..1. */
  readonly discordance: number
  readonly margin: number
  /** Level of a pass. */
  readonly alpha: number
}

/**
 * Chances of the results of `noRegression` for a given true change: exact for few groups, otherwise by the normal
 * approximation.
 */
export function decisionChances(question: DecisionQuestion): (change: number) => SampleSizePlan {
  const { n, margin, alpha, discordance } = question
  // The score test alone asks for so many; the search for what the exact one asks for takes long where they are very many.
  const fewest = (normalQuantile(1 - alpha) ** 2 * (1 - margin)) / margin
  const enough = n >= fewest && n >= minimumItemsForMargin(margin, { alpha })
  const chances = n > mostExact ? approximateChances(question) : exactChances(question, enough)
  return (change) => {
    // A model that is so much better or worse answers at least so many differently.
    const { pass, fail, inconclusive } = chances(change, Math.max(discordance, Math.abs(change)))
    return enough ? { pass, fail, inconclusive } : { pass: 0, fail, inconclusive: inconclusive + pass }
  }
}

type Chances = (change: number, discordance: number) => SampleSizePlan

/** @param enough false: so few groups that nothing passes. @default true */
export function exactChances({ n, margin, alpha }: DecisionQuestion, enough = true): Chances {
  // The score from which the exact test is content, too: as the level of the score test it costs one search, not one a change.
  const level = enough ? normalCdf(-criticalScore({ n, margin, alpha })) : undefined
  return (change, discordance) => {
    const options = { n, margin, discordance, trueDifference: change, engine: 'score' } as const
    const { pass: alone, fail, inconclusive } = planNonInferiority({ ...options, alpha: harmAlpha })
    const pass = level === undefined ? 0 : passChance({ ...options, alpha: level })
    return { pass, fail, inconclusive: Math.max(0, inconclusive + alone - pass) }
  }
}

/**
 * The observed change as a normal variable: of the score test J. Nam, Biometrics 53 (1997) 1422–1430, with the variance that
 * it takes at the margin; of McNemar's test R. J. Connor, Biometrics 43 (1987) 207–211.
 */
export const approximateChances =
  ({ n, margin, alpha }: DecisionQuestion): Chances =>
  (change, discordance) => {
    const lost = (discordance - change) / 2
    // The likeliest share of losses if the change were the margin: the larger root of 2 x² − linear x + constant.
    const linear = discordance * (1 - margin) + 2 * margin * (1 + lost)
    const constant = lost * margin * (1 + margin)
    const lostAtMargin = (linear + Math.sqrt(Math.max(0, linear ** 2 - 8 * constant))) / 4
    const spread = (variance: number) => Math.sqrt(Math.max(variance, 1e-12) / n)
    const passFrom = -margin + normalQuantile(1 - alpha) * spread(2 * lostAtMargin - margin - margin ** 2)
    const failTo = Math.min(passFrom, -normalQuantile(1 - harmAlpha) * spread(discordance))
    const seen = spread(discordance - change ** 2)
    const pass = normalCdf((change - passFrom) / seen)
    const fail = normalCdf((failTo - change) / seen)
    return { pass, fail, inconclusive: Math.max(0, 1 - pass - fail) }
  }
