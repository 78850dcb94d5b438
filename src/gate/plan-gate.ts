import { SheikhError } from '../core/index.js'
import {
  minimumItemsForMargin,
  type Plan,
  passChance,
  planNonInferiority,
  requiredItems,
  smallestMargin,
} from '../statistics/index.js'
import { alpha } from './answer.js'

export interface GatePlanOptions {
  /** Independent items. */
  readonly items: number
  /** Share of items that one model has right and the other wrong, 0..1. @default 0.05 */
  readonly discordance?: number | undefined
  /** @default 0.02 */
  readonly margin?: number | undefined
  /** How many candidates the set may judge, as in `qualityGate`. @default 1: each by itself at 5 % */
  readonly uses?: number | undefined
}

export interface GatePlan {
  readonly items: number
  readonly discordance: number
  readonly margin: number
  readonly uses: number
  /** The chances of the three findings for a model of the same quality. */
  readonly identical: Plan
  /** The same for one that is worse by exactly the margin. */
  readonly worseByTheMargin: Plan
  /** Below this many nothing passes, whatever is observed. */
  readonly fewestItems: number
  /** The margin that passes a model of the same quality four times in five. */
  readonly smallestMargin: number
  /** The items that do so at this margin. */
  readonly itemsNeeded: number
}

/**
 * What `noRegression` can decide on a set of this size, for right or wrong answers: exact.
 *
 * @throws `invalid-options`
 */
export function planGate({ items, discordance = 0.05, margin = 0.02, uses = 1 }: GatePlanOptions): GatePlan {
  const passAlpha = alpha / checkedUses(uses)
  const fewestItems = minimumItemsForMargin(margin, { alpha: passAlpha })
  const chances = (q: number, trueDifference: number): Plan => {
    const options = { n: items, discordance: q, trueDifference, margin }
    const { pass: alone, fail, inconclusive } = planNonInferiority(options)
    const pass = items < fewestItems ? 0 : uses === 1 ? alone : passChance({ ...options, alpha: passAlpha })
    // What no longer passes is mostly left open: an outcome that also shows harm is rare where the margin is small.
    return { pass, fail, inconclusive: Math.max(0, inconclusive + alone - pass) }
  }
  return {
    items,
    discordance,
    margin,
    uses,
    identical: chances(discordance, 0),
    // A model that is worse by the margin answers at least so many items differently.
    worseByTheMargin: chances(Math.max(discordance, margin), -margin),
    fewestItems,
    smallestMargin: smallestMargin({ n: items, discordance, alpha: passAlpha }),
    itemsNeeded: requiredItems({ discordance, margin, alpha: passAlpha }),
  }
}

function checkedUses(uses: number): number {
  if (Number.isSafeInteger(uses) && uses >= 1 && uses <= 10_000) return uses
  throw new SheikhError('invalid-options', `Cannot plan for ${uses} uses of one evaluation set: give 1 to 10,000.`)
}
