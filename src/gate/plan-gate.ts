import {
  minimumItemsForMargin,
  type Plan,
  planNonInferiority,
  requiredItems,
  smallestMargin,
} from '../statistics/index.js'

export interface GatePlanOptions {
  /** Independent items. */
  readonly items: number
  /** Share of items that one model has right and the other wrong, 0..1. @default 0.05 */
  readonly discordance?: number | undefined
  /** @default 0.02 */
  readonly margin?: number | undefined
}

export interface GatePlan {
  readonly items: number
  readonly discordance: number
  readonly margin: number
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
export function planGate({ items, discordance = 0.05, margin = 0.02 }: GatePlanOptions): GatePlan {
  const fewestItems = minimumItemsForMargin(margin)
  const chances = (q: number, trueDifference: number): Plan => {
    const { pass, fail, inconclusive } = planNonInferiority({ n: items, discordance: q, trueDifference, margin })
    return items >= fewestItems ? { pass, fail, inconclusive } : { pass: 0, fail, inconclusive: 1 - fail }
  }
  return {
    items,
    discordance,
    margin,
    identical: chances(discordance, 0),
    // A model that is worse by the margin answers at least so many items differently.
    worseByTheMargin: chances(Math.max(discordance, margin), -margin),
    fewestItems,
    smallestMargin: smallestMargin({ n: items, discordance }),
    itemsNeeded: requiredItems({ discordance, margin }),
  }
}
