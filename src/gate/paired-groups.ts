import { SheikhError } from '../core/index.js'
import {
  type Codes,
  type Column,
  codesOf,
  type Evaluation,
  GrowingArray,
  type Metric,
  type MetricColumn,
  numbersOf,
  sameColumn,
} from '../evaluation/index.js'

/**
 * Two models on the same groups: the unit of inference is the group, items that are not independent, together. A value is
 * `candidate / candidateWeight`, the same for the opponent.
 */
export interface Pairing {
  readonly kind: MetricColumn['kind']
  /** 1 where more is better, −1 where less is; 1 for binary metrics, whose groups are turned already. */
  readonly sign: 1 | -1
  readonly range?: readonly [number, number] | undefined
  /** A value a group. Binary: the share right, 1 is right whatever the direction. Mean: the mean score. Ratio: the sum of the scores. */
  readonly candidate: Float64Array
  readonly opponent: Float64Array
  /** Ratios only: the sums of the weights; else each is 1. */
  readonly candidateWeight?: Float64Array | undefined
  readonly opponentWeight?: Float64Array | undefined
  readonly items: number
  /** Items that one of the models could not be asked: time-outs, crashes. */
  readonly unanswered: number
  /** Items on which the candidate is worse, in order, and the group of each. */
  readonly lost: { readonly items: Uint32Array; readonly groups: Uint32Array; idOf(item: number): string }
}

/**
 * Two evaluations of the same items.
 *
 * @throws `baseline-mismatch` for other items, another set, or a model with itself.
 */
export function checkComparable(candidate: Evaluation, opponent: Evaluation): void {
  const mismatch = (fact: string) =>
    new SheikhError('baseline-mismatch', `Cannot compare the models: ${fact}. Score both on the same evaluation set.`)
  if (candidate.modelDigest === opponent.modelDigest) throw mismatch('they are the same model')
  if (candidate.evaluationDigest !== opponent.evaluationDigest)
    throw mismatch('they were scored on different evaluation sets')
  if (!sameColumn(candidate.ids, opponent.ids)) throw mismatch('they were scored on different items')
}

/** What a metric is judged by. */
export type Judged = Pick<Metric, 'name' | 'kind' | 'direction'>

/** @throws `evaluation-invalid` where the metric was not scored, or as another kind, a score is no number, or lengths differ. */
export function metricColumn(evaluation: Evaluation, { name, kind, direction }: Judged): MetricColumn {
  const column = evaluation.metrics.find((metric) => metric.name === name)
  const invalid = (fact: string) =>
    new SheikhError('evaluation-invalid', `Cannot judge "${name}": ${fact}. Score it again.`)
  if (column === undefined) throw invalid('the evaluation does not hold it')
  // Scores of another metric of that name: turned the wrong way round, every loss would be a gain.
  if (column.kind !== kind || column.direction !== direction)
    throw invalid(`it was scored as ${column.kind}, ${column.direction}, and is ${kind}, ${direction}`)
  const { length } = evaluation.ids
  if (column.scores.length !== length || evaluation.groups.length !== length || evaluation.outcomes.length !== length)
    throw invalid('the evaluation has columns of different length')
  // A comparison with NaN is never true, so it would be neither lost nor won.
  const isSound = (score: number) => (column.kind === 'binary' ? score >= 0 && score <= 1 : Number.isFinite(score))
  const twice = duplicateOf(evaluation.ids)
  if (twice !== undefined) throw invalid(`the id ${JSON.stringify(twice)} stands twice`)
  const { weights } = column
  if (weights !== undefined && weights.length !== length)
    throw invalid('the evaluation has columns of different length')
  const id = (index: number) => JSON.stringify(evaluation.ids.at(index))
  for (let index = 0; index < length; index += 1) {
    const score = column.scores.at(index)!
    if (score !== null && !isSound(score))
      throw invalid(`the score of ${id(index)} is ${score}, of a metric that is ${column.kind}`)
    if (weights === undefined) continue
    const weight = weights.at(index)!
    if (weight !== null && !(weight >= 0 && Number.isFinite(weight)))
      throw invalid(`the weight of ${id(index)} is ${weight}`)
    if ((weight === null) !== (score === null)) throw invalid(`${id(index)} has a score or a weight, and not both`)
  }
  return column
}

const knownUnique = new WeakSet<Column<string>>()

/** An id that stands twice would be two independent items. Columns do not change: each is looked at once. */
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
  // Ids in order need no second look; a million in a set take a hundred megabytes.
  const seen = new Set<string>()
  if (!isSorted)
    for (const id of ids) {
      if (seen.has(id)) return id
      seen.add(id)
    }
  knownUnique.add(ids)
  return undefined
}

/** The group of each item, as a number below `count`. */
export function groupCodes({ ids, groups }: Evaluation): { readonly codes: Codes; readonly count: number } {
  // Ids are unique, so where they are the groups each item is a group by itself.
  if (groups === ids) return { codes: new Uint32Array(ids.length).map((_, index) => index), count: ids.length }
  const { codes, names } = codesOf(groups)
  return { codes, count: names.length }
}

/** Two models on the same items, to be paired over all of them or over some. */
export interface Pairs {
  /** @param items indices of items. @default all */
  over(items?: Uint32Array): Pairing
}

/** Reads both columns once; each pairing then looks at its own items only. */
export function pairGroups(candidate: Evaluation, opponent: Evaluation, metric: Judged): Pairs {
  const ours = metricColumn(candidate, metric)
  const theirs = metricColumn(opponent, metric)
  const { kind, direction, range } = ours
  const lessIsBetter = direction === 'lower-is-better'
  const turned = (score: number) => (kind === 'binary' && lessIsBetter ? 1 - score : score)
  const sign = lessIsBetter && kind !== 'binary' ? -1 : 1
  const { ids } = candidate
  const { codes, count } = groupCodes(candidate)
  // Where each group stands in the pairing that is being made.
  const slot = new Int32Array(count).fill(-1)
  const one = numbersOf(ours.scores)
  const other = numbersOf(theirs.scores)
  const oneWeight = ours.weights && numbersOf(ours.weights)
  const otherWeight = theirs.weights && numbersOf(theirs.weights)

  return {
    over(items) {
      const length = items?.length ?? ids.length
      const touched = new GrowingArray(new Uint32Array(0))
      const counts = new Float64Array(length)
      const [ourSums, theirSums] = [new Float64Array(length), new Float64Array(length)]
      const weigh = kind === 'ratio'
      const [ourWeights, theirWeights] = [new Float64Array(weigh ? length : 0), new Float64Array(weigh ? length : 0)]
      const lostItems = new GrowingArray(new Uint32Array(0))
      const lostGroups = new GrowingArray(new Uint32Array(0))
      let unanswered = 0
      for (let position = 0; position < length; position += 1) {
        const index = items?.[position] ?? position
        const [our, their] = [turned(one[index]!), turned(other[index]!)]
        if (Number.isNaN(our) || Number.isNaN(their)) {
          unanswered += 1
          continue
        }
        const group = codes[index]!
        let at = slot[group]!
        if (at < 0) {
          at = slot[group] = touched.length
          touched.push(group)
        }
        counts[at]! += 1
        ourSums[at]! += our
        theirSums[at]! += their
        if (weigh) {
          ourWeights[at]! += oneWeight?.[index] ?? 1
          theirWeights[at]! += otherWeight?.[index] ?? 1
        }
        if (sign * (our - their) < 0) {
          lostItems.push(index)
          lostGroups.push(at)
        }
      }
      const groups = touched.length
      for (const group of touched.take()) slot[group] = -1
      // Repeats of an item are averaged; the parts of a ratio are added up.
      if (!weigh)
        for (let at = 0; at < groups; at += 1) {
          ourSums[at]! /= counts[at]!
          theirSums[at]! /= counts[at]!
        }
      return {
        kind,
        sign,
        ...(range !== undefined && { range }),
        candidate: ourSums.subarray(0, groups),
        opponent: theirSums.subarray(0, groups),
        ...(weigh && {
          candidateWeight: ourWeights.subarray(0, groups),
          opponentWeight: theirWeights.subarray(0, groups),
        }),
        items: length,
        unanswered,
        lost: { items: lostItems.take(), groups: lostGroups.take(), idOf: (item) => ids.at(item)! },
      }
    },
  }
}

/** The ids of the first items that were lost. */
export const firstLost = ({ lost }: Pairing, most: number): readonly string[] =>
  Array.from(lost.items.subarray(0, most), (item) => lost.idOf(item))

export interface DiscordantCounts {
  readonly n: number
  /** The opponent right, the candidate wrong. */
  readonly b: number
  /** The candidate right, the opponent wrong. */
  readonly c: number
}

/**
 * Counts of discordant groups. A group whose items disagree has a mean between 0 and 1, which an exact binary test
 * cannot take: it is rounded against the claim, so that no claim rests on it. To claim `no-harm` the candidate is rounded
 * down and the opponent up; to claim `harm` the other way round.
 */
export function countDiscordant({ candidate, opponent }: Pairing, claim: 'no-harm' | 'harm'): DiscordantCounts {
  const [ours, theirs] = claim === 'no-harm' ? [Math.floor, Math.ceil] : [Math.ceil, Math.floor]
  let b = 0
  let c = 0
  for (let group = 0; group < candidate.length; group += 1) {
    const difference = ours(candidate[group]!) - theirs(opponent[group]!)
    if (difference < 0) b += 1
    else if (difference > 0) c += 1
  }
  return { n: candidate.length, b, c }
}

export function mean(values: ArrayLike<number>): number {
  let total = 0
  for (let index = 0; index < values.length; index += 1) total += values[index]!
  return total / values.length
}
