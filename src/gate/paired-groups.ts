import { SheikhError } from '../core/index.js'
import {
  type Codes,
  type Column,
  codesOf,
  type Evaluation,
  type Metric,
  type MetricColumn,
  numbersOf,
  sameColumn,
} from '../evaluation/index.js'
import { type PairedColumns, type PairedSums, pairItems, sumGroups } from './sum-pairs.js'

/**
 * Scores of two models on the same groups. Groups are independent; the items of one group need not be. A model's value
 * is the sum of its scores over the sum of its weights, so every item has the same weight, whatever the size of its
 * group.
 */
export interface Pairing {
  readonly kind: MetricColumn['kind']
  /** 1 if higher is better, −1 if lower is better. Always 1 for binary metrics, whose scores are already inverted. */
  readonly sign: 1 | -1
  /** Range of one score; 0 to 1 for binary metrics. */
  readonly range?: readonly [number, number] | undefined
  /** The lowest and the highest score of either model, 0 included. */
  readonly extent: readonly [number, number]
  /** Sums of scores, one per group. For binary metrics 1 means correct, whatever the direction. */
  readonly candidate: Float64Array
  readonly reference: Float64Array
  /** Items per group. */
  readonly sizes: Float64Array
  /** Sums of weights, one per group; the sizes unless the metric is a ratio. */
  readonly candidateWeight: Float64Array
  readonly referenceWeight: Float64Array
  readonly items: number
  /** Items that at least one model did not answer, because of a timeout or crash. */
  readonly unanswered: number
  /** The regressions: items on which the candidate is worse, in order, and the group of each. */
  readonly lost: { readonly items: Uint32Array; readonly groups: Uint32Array; idOf(item: number): string }
  /** The number of improvements: items on which the candidate is better. */
  readonly won: number
  /** Whether every group is one answer: all groups have the same size, and the models differ on all of its items or on none. */
  readonly isOneAnswerEach: boolean
}

/**
 * Checks that two evaluations can be compared.
 *
 * @throws `baseline-mismatch` for different items, different evaluation sets, or the same model.
 */
export function checkComparable(candidate: Evaluation, reference: Evaluation): void {
  const mismatch = (fact: string, remedy = 'Score both on the same evaluation set.') =>
    new SheikhError('baseline-mismatch', `Cannot compare the models: ${fact}. ${remedy}`)
  if (candidate.modelDigest === reference.modelDigest)
    throw mismatch('both evaluations are of the same model', 'Name two different models.')
  if (candidate.evaluationDigest !== reference.evaluationDigest)
    throw mismatch('they were scored on different evaluation sets')
  if (!sameColumn(candidate.ids, reference.ids)) throw mismatch('they were scored on different items')
}

/** The parts of a metric that judging needs. */
export type Judged = Pick<Metric, 'name' | 'kind' | 'direction'>

/**
 * @throws `evaluation-invalid` if the metric was not scored or has another kind, a score is not a number, or lengths
 * differ.
 */
export function metricColumn(evaluation: Evaluation, { name, kind, direction }: Judged): MetricColumn {
  const column = evaluation.metrics.find((metric) => metric.name === name)
  const invalid = (fact: string) =>
    new SheikhError('evaluation-invalid', `Cannot judge "${name}": ${fact}. Score it again.`)
  if (column === undefined) throw invalid('the evaluation has no scores for it')
  // The scores are from another metric with this name. With the wrong direction, every regression would count as an
  // improvement.
  if (column.kind !== kind || column.direction !== direction)
    throw invalid(`its scores are ${column.kind}, ${column.direction}, but the metric is ${kind}, ${direction}`)
  const { length } = evaluation.ids
  if (column.scores.length !== length || evaluation.groups.length !== length || evaluation.outcomes.length !== length)
    throw invalid('the evaluation has columns of different lengths')
  // A comparison with NaN is never true, so the item would be neither a regression nor an improvement.
  const isSound = (score: number) => (column.kind === 'binary' ? score >= 0 && score <= 1 : Number.isFinite(score))
  const twice = duplicateOf(evaluation.ids)
  if (twice !== undefined) throw invalid(`the id ${JSON.stringify(twice)} appears twice`)
  const { weights } = column
  if (weights !== undefined && weights.length !== length)
    throw invalid('the evaluation has columns of different lengths')
  const id = (index: number) => JSON.stringify(evaluation.ids.at(index))
  for (let index = 0; index < length; index += 1) {
    const score = column.scores.at(index)!
    if (score !== null && !isSound(score))
      throw invalid(`the score of ${id(index)} is ${score}, which is not valid for a metric of kind ${column.kind}`)
    if (weights === undefined) continue
    const weight = weights.at(index)!
    if (weight !== null && !(weight >= 0 && Number.isFinite(weight)))
      throw invalid(`the weight of ${id(index)} is ${weight}`)
    if ((weight === null) !== (score === null)) throw invalid(`${id(index)} has only one of score and weight`)
  }
  return column
}

const knownUnique = new WeakSet<Column<string>>()

/** An id that appears twice would count as two independent items. Columns do not change, so each is checked once. */
function duplicateOf(ids: Column<string>): string | undefined {
  if (knownUnique.has(ids)) return undefined
  let previous: string | undefined
  let isSorted = true
  for (const id of ids) {
    if (previous !== undefined && !(previous < id)) {
      isSorted = false
      break
    }
    previous = id
  }
  // Sorted ids need no set, which takes a hundred megabytes for a million ids.
  const seen = new Set<string>()
  if (!isSorted)
    for (const id of ids) {
      if (seen.has(id)) return id
      seen.add(id)
    }
  knownUnique.add(ids)
  return undefined
}

/** Whether every item is its own group. Ids are unique, so this is the case if both columns are equal. */
export const isUngrouped = ({ ids, groups }: Evaluation): boolean => sameColumn(groups, ids)

/** The group of each item, as a number below `count`. */
export function groupCodes(evaluation: Evaluation): { readonly codes: Codes; readonly count: number } {
  const { ids, groups } = evaluation
  if (isUngrouped(evaluation)) return { codes: Uint32Array.from(ids, (_, index) => index), count: ids.length }
  const { codes, names } = codesOf(groups)
  return { codes, count: names.length }
}

/** Two models on the same items, to be paired over all items or a subset. */
export interface Pairs {
  /** @param items indices of items. @default all */
  over(items?: Uint32Array): Pairing
}

/** Reads both columns once; each pairing then reads only its own items. */
export function pairGroups(candidate: Evaluation, reference: Evaluation, metric: Judged): Pairs {
  const ours = metricColumn(candidate, metric)
  const theirs = metricColumn(reference, metric)
  const { kind, direction, range } = ours
  const lessIsBetter = direction === 'lower-is-better'
  const sign = lessIsBetter && kind !== 'binary' ? -1 : 1
  const isTurned = lessIsBetter && kind === 'binary'
  const scoresOf = ({ scores }: MetricColumn) =>
    isTurned ? numbersOf(scores).map((score) => 1 - score) : numbersOf(scores)
  const { ids } = candidate
  const columns: PairedColumns = {
    ours: scoresOf(ours),
    theirs: scoresOf(theirs),
    ...(kind === 'ratio' && { weights: { ours: weightsOf(ours), theirs: weightsOf(theirs) } }),
    sign,
  }
  const sum = summing(candidate, columns)

  return {
    over(items) {
      const { ours: candidateSums, theirs: referenceSums, ...sums } = sum(items)
      const { sizes, ourWeights, theirWeights, lostItems, lostGroups, won, unanswered, extent, isOneAnswerEach } = sums
      return {
        kind,
        sign,
        ...(kind === 'binary' ? { range: [0, 1] as const } : range !== undefined && { range }),
        extent,
        candidate: candidateSums,
        reference: referenceSums,
        sizes,
        candidateWeight: ourWeights,
        referenceWeight: theirWeights,
        items: items?.length ?? ids.length,
        unanswered,
        lost: { items: lostItems, groups: lostGroups, idOf: (item) => ids.at(item)! },
        won,
        isOneAnswerEach,
      }
    },
  }
}

/** Adds up the scores of some or all items. Items that are their own group need no lookup by group. */
function summing(evaluation: Evaluation, columns: PairedColumns): (items?: Uint32Array) => PairedSums {
  if (isUngrouped(evaluation)) return (items) => pairItems(columns, items)
  const { codes, count } = groupCodes(evaluation)
  const slot = new Int32Array(count).fill(-1)
  return (items) => sumGroups(columns, items, codes, slot)
}

const weightsOf = ({ scores, weights }: MetricColumn) =>
  weights === undefined ? new Float64Array(scores.length).fill(1) : numbersOf(weights)

/** The ids of the first regressions. */
export const firstRegressedIds = ({ lost }: Pairing, most: number): readonly string[] =>
  Array.from(lost.items.subarray(0, most), (item) => lost.idOf(item))

/** A model's value: the sum of its scores over the sum of its weights. */
export const ratioOf = (sums: Float64Array, weights: Float64Array) => sumOf(sums) / sumOf(weights)

export function sumOf(values: Float64Array): number {
  let total = 0
  for (let index = 0; index < values.length; index += 1) total += values[index]!
  return total
}

export interface DiscordantCounts {
  readonly n: number
  /** Items on which only the reference is right. */
  readonly b: number
  /** Items on which only the candidate is right. */
  readonly c: number
}

/**
 * Counts of discordant groups, for the exact tests of binary metrics; `undefined` if a group is not a single answer.
 */
export function countDiscordant({
  candidate,
  reference,
  sizes,
  isOneAnswerEach,
}: Pairing): DiscordantCounts | undefined {
  if (!isOneAnswerEach) return undefined
  const n = candidate.length
  let b = 0
  let c = 0
  for (let group = 0; group < n; group += 1) {
    const difference = candidate[group]! - reference[group]!
    if (difference === -sizes[group]!) b += 1
    else if (difference === sizes[group]!) c += 1
    else if (difference !== 0) return undefined
  }
  return { n, b, c }
}
