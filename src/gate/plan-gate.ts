import { SheikhError } from '../core/index.js'
import {
  minimumItemsForMargin,
  passChance,
  planNonInferiority,
  requiredItems,
  type SampleSizePlan,
  smallestMargin,
} from '../statistics/index.js'
import {
  failChanceByLaw,
  fewestByLaw,
  groupsNeededByLaw,
  lawOfAnswers,
  passChanceByLaw,
  smallestMarginByLaw,
} from './group-law.js'
import { alpha } from './partial-finding.js'

export interface GatePlanOptions {
  readonly items: number
  /**
   * Number of items of each group, or the number of groups of equal size. Groups are independent; their items need not
   * be.
   * @default every item is its own group
   */
  readonly groups?: number | readonly number[] | undefined
  /**
   * Correlation of changes within a group: 0 if items are independent, 1 if all items of a group change together. Has
   * no effect on items that are their own group. @default 0.3
   */
  readonly correlation?: number | undefined
  /** Share of items on which only one of the models is right, 0..1. @default 0.05 */
  readonly discordance?: number | undefined
  /** @default 0.02 */
  readonly margin?: number | undefined
  /** How many candidates the set may judge, as in `qualityGate`. @default 1: each at 5 % */
  readonly maximumEvaluations?: number | undefined
}

export interface GatePlan {
  readonly items: number
  /** Number of independent groups. Equals the number of items if items are not grouped. */
  readonly groups: number
  /** Absent if items are not grouped. */
  readonly correlation?: number | undefined
  readonly discordance: number
  readonly margin: number
  readonly maximumEvaluations: number
  /** The chances of the three outcomes for a model of the same quality. */
  readonly identical: SampleSizePlan
  /** The chances of the three outcomes for a model that is worse by exactly the margin. */
  readonly worseByTheMargin: SampleSizePlan
  /** The fewest items with which a pass is possible. */
  readonly fewestItems: number
  /** The fewest groups with which a pass is possible. */
  readonly fewestGroups: number
  /** The smallest margin at which a model of the same quality passes with 80 % power. */
  readonly smallestMargin: number
  /** The number of items with which a model of the same quality passes at this margin with 80 % power. */
  readonly itemsNeeded: number
  /** The number of groups of these sizes that is needed for the same. */
  readonly groupsNeeded: number
}

/**
 * Computes what `noRegression` can decide on an evaluation set of this size, for a binary metric. Exact if items are
 * independent, or if all groups have the same size and change as one; otherwise by the normal approximation of Gaffke's
 * bound.
 *
 * @throws `invalid-options`
 */
export function planGate(options: GatePlanOptions): GatePlan {
  const { items, groups, correlation = 0.3, discordance = 0.05, margin = 0.02, maximumEvaluations = 1 } = options
  const passAlpha = alpha / checkedMaximum(maximumEvaluations)
  const sizes = groups === undefined ? undefined : sizesOf(items, groups)
  if (!(correlation >= 0 && correlation <= 1)) throw invalid(`the correlation is ${correlation}. Give one from 0 to 1`)
  if (sizes === undefined || sizes.every((size) => size === 1))
    return planSingle({ items, discordance, margin, maximumEvaluations }, passAlpha)
  const size = items / sizes.length
  if (correlation === 1 && sizes.every((one) => one === size)) {
    const single = planSingle({ items: sizes.length, discordance, margin, maximumEvaluations }, passAlpha)
    const { fewestItems, itemsNeeded } = single
    return { ...single, items, correlation, fewestItems: fewestItems * size, itemsNeeded: itemsNeeded * size }
  }
  return planGrouped({ items, discordance, margin, maximumEvaluations }, passAlpha, sizes, correlation)
}

type Asked = Required<Pick<GatePlan, 'items' | 'discordance' | 'margin' | 'maximumEvaluations'>>

function planSingle({ items, discordance, margin, maximumEvaluations }: Asked, passAlpha: number): GatePlan {
  const fewestItems = minimumItemsForMargin(margin, { alpha: passAlpha })
  const chances = (q: number, trueDifference: number): SampleSizePlan => {
    const options = { n: items, discordance: q, trueDifference, margin }
    const { pass: alone, fail, inconclusive } = planNonInferiority(options)
    const pass =
      items < fewestItems ? 0 : maximumEvaluations === 1 ? alone : passChance({ ...options, alpha: passAlpha })
    // Outcomes that no longer pass are mostly inconclusive: outcomes that also show harm are rare if the margin is
    // small.
    return { pass, fail, inconclusive: Math.max(0, inconclusive + alone - pass) }
  }
  const itemsNeeded = requiredItems({ discordance, margin, alpha: passAlpha })
  return {
    ...{ items, groups: items, discordance, margin, maximumEvaluations },
    identical: chances(discordance, 0),
    // A model that is worse by the margin answers at least this share of items differently.
    worseByTheMargin: chances(Math.max(discordance, margin), -margin),
    ...{ fewestItems, fewestGroups: fewestItems },
    smallestMargin: smallestMargin({ n: items, discordance, alpha: passAlpha }),
    ...{ itemsNeeded, groupsNeeded: itemsNeeded },
  }
}

function planGrouped(asked: Asked, passAlpha: number, sizes: readonly number[], correlation: number): GatePlan {
  const { items, discordance, margin } = asked
  if (!(discordance > 0 && discordance <= 1)) throw invalid(`the discordance is ${discordance}. Give one from 0 to 1`)
  if (!(margin > 0 && margin < 1)) throw invalid(`the margin is ${margin}. Give one between 0 and 1`)
  const groups = sizes.length
  const chances = (q: number, change: number): SampleSizePlan => {
    const law = lawOfAnswers(sizes, { discordance: q, correlation, change })
    const pass = passChanceByLaw(law, groups, margin, passAlpha, change)
    const fail = Math.min(1 - pass, failChanceByLaw(law, groups, alpha, change))
    return { pass, fail, inconclusive: 1 - pass - fail }
  }
  const law = lawOfAnswers(sizes, { discordance, correlation, change: 0 })
  const fewestGroups = fewestByLaw(law, margin, passAlpha)
  const groupsNeeded = groupsNeededByLaw(law, margin, passAlpha)
  const itemsIn = (count: number) => Math.ceil((count * items) / groups)
  return {
    ...asked,
    ...{ groups, correlation },
    identical: chances(discordance, 0),
    worseByTheMargin: chances(Math.max(discordance, margin), -margin),
    ...{ fewestItems: itemsIn(fewestGroups), fewestGroups },
    smallestMargin: smallestMarginByLaw(law, groups, passAlpha),
    ...{ itemsNeeded: itemsIn(groupsNeeded), groupsNeeded },
  }
}

/** Items per group. A number of groups is split as evenly as possible. */
function sizesOf(items: number, groups: number | readonly number[]): readonly number[] {
  if (typeof groups === 'number') {
    if (!(Number.isSafeInteger(groups) && groups >= 1 && groups <= items))
      throw invalid(`${items} items cannot be in ${groups} groups. Give 1 to ${items} groups`)
    return Array.from(
      { length: groups },
      (_, group) => Math.floor(((group + 1) * items) / groups) - Math.floor((group * items) / groups),
    )
  }
  const odd = groups.find((size) => !(Number.isSafeInteger(size) && size >= 1))
  const total = groups.reduce((sum, size) => sum + size, 0)
  if (odd !== undefined || total !== items)
    throw invalid(
      `the groups have ${odd ?? total} items, but there are ${items}. Give the number of items in each group`,
    )
  return groups
}

const invalid = (fact: string) => new SheikhError('invalid-options', `Cannot plan a gate: ${fact}.`)

function checkedMaximum(maximumEvaluations: number): number {
  if (Number.isSafeInteger(maximumEvaluations) && maximumEvaluations >= 1 && maximumEvaluations <= 10_000)
    return maximumEvaluations
  throw new SheikhError(
    'invalid-options',
    `Cannot plan for ${maximumEvaluations} evaluations with one evaluation set: give 1 to 10,000.`,
  )
}
