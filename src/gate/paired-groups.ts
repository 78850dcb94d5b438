import { SheikhError } from '../core/index.js'
import type { Evaluation, Metric, MetricColumn } from '../evaluation/index.js'

/** The unit of inference: items that are not independent, together. A value is `candidate / candidateWeight`, the same for the opponent. */
export interface PairedGroup {
  /** Binary: the share right, 1 is right whatever the direction. Mean: the mean score. Ratio: the sum of the scores. */
  readonly candidate: number
  readonly opponent: number
  /** 1, but for ratios: the sum of the weights. */
  readonly candidateWeight: number
  readonly opponentWeight: number
  /** Items on which the candidate is worse. */
  readonly lost: readonly string[]
}

export interface Pairing {
  readonly kind: MetricColumn['kind']
  /** 1 where more is better, −1 where less is; 1 for binary metrics, whose groups are turned already. */
  readonly sign: 1 | -1
  readonly range?: readonly [number, number] | undefined
  readonly groups: readonly PairedGroup[]
  readonly items: number
  /** Items that one of the models could not be asked: time-outs, crashes. */
  readonly unanswered: number
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
  const differ =
    candidate.ids.length !== opponent.ids.length || candidate.ids.some((id, index) => opponent.ids[index] !== id)
  if (differ) throw mismatch('they were scored on different items')
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
  const odd = column.scores.findIndex((score) => score !== null && !isSound(score))
  if (odd >= 0)
    throw invalid(`the score of "${evaluation.ids[odd]}" is ${column.scores[odd]}, of a metric that is ${column.kind}`)
  const { weights } = column
  if (weights !== undefined && weights.length !== length)
    throw invalid('the evaluation has columns of different length')
  const light = weights?.findIndex((weight) => weight !== null && !(weight >= 0 && Number.isFinite(weight))) ?? -1
  if (light >= 0) throw invalid(`the weight of "${evaluation.ids[light]}" is ${weights![light]}`)
  const unweighted = weights?.findIndex((weight, index) => (weight === null) !== (column.scores[index] === null)) ?? -1
  if (unweighted >= 0) throw invalid(`"${evaluation.ids[unweighted]}" has a score or a weight, and not both`)
  return column
}

/** Two models on the same items, to be paired over all of them or over some. */
export interface Pairs {
  /** @param items indices of items. @default all */
  over(items?: Uint32Array): Pairing
}

const noItems: readonly string[] = []

/** Reads both columns once; each pairing then looks at its own items only. */
export function pairGroups(candidate: Evaluation, opponent: Evaluation, metric: Judged): Pairs {
  const ours = metricColumn(candidate, metric)
  const theirs = metricColumn(opponent, metric)
  const { kind, direction, range } = ours
  const lessIsBetter = direction === 'lower-is-better'
  const turned = (score: number) => (kind === 'binary' && lessIsBetter ? 1 - score : score)
  const sign = lessIsBetter && kind !== 'binary' ? -1 : 1
  const { ids, groups: names } = candidate
  const numberOf = new Map<string, number>()
  const groupOf = Uint32Array.from(names, (name) => {
    const known = numberOf.get(name)
    if (known !== undefined) return known
    numberOf.set(name, numberOf.size)
    return numberOf.size - 1
  })
  // Where each group stands in the pairing that is being made.
  const slot = new Int32Array(numberOf.size).fill(-1)

  return {
    over(items) {
      const length = items?.length ?? ids.length
      const touched: number[] = []
      const counts: number[] = []
      const sums: number[] = []
      const lost: (string[] | undefined)[] = []
      let unanswered = 0
      for (let position = 0; position < length; position += 1) {
        const index = items?.[position] ?? position
        const [one, other] = [ours.scores[index], theirs.scores[index]]
        if (one === null || one === undefined || other === null || other === undefined) {
          unanswered += 1
          continue
        }
        const group = groupOf[index]!
        let at = slot[group]!
        if (at < 0) {
          at = slot[group] = touched.length
          touched.push(group)
          counts.push(0)
          sums.push(0, 0, 0, 0)
          lost.push(undefined)
        }
        counts[at]! += 1
        sums[4 * at]! += turned(one)
        sums[4 * at + 1]! += ours.weights?.[index] ?? 1
        sums[4 * at + 2]! += turned(other)
        sums[4 * at + 3]! += theirs.weights?.[index] ?? 1
        if (sign * (turned(one) - turned(other)) < 0) {
          const known = lost[at]
          if (known === undefined) lost[at] = [ids[index]!]
          else known.push(ids[index]!)
        }
      }
      for (const group of touched) slot[group] = -1
      // Repeats of an item are averaged; the parts of a ratio are added up.
      const groups = counts.map((count, at): PairedGroup => {
        const divisor = kind === 'ratio' ? 1 : count
        return {
          candidate: sums[4 * at]! / divisor,
          candidateWeight: kind === 'ratio' ? sums[4 * at + 1]! : 1,
          opponent: sums[4 * at + 2]! / divisor,
          opponentWeight: kind === 'ratio' ? sums[4 * at + 3]! : 1,
          lost: lost[at] ?? noItems,
        }
      })
      return { kind, sign, ...(range !== undefined && { range }), groups, items: length, unanswered }
    },
  }
}

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
export function countDiscordant(groups: readonly PairedGroup[], claim: 'no-harm' | 'harm'): DiscordantCounts {
  const [ours, theirs] = claim === 'no-harm' ? [Math.floor, Math.ceil] : [Math.ceil, Math.floor]
  let b = 0
  let c = 0
  for (const { candidate, opponent } of groups) {
    const difference = ours(candidate) - theirs(opponent)
    if (difference < 0) b += 1
    else if (difference > 0) c += 1
  }
  return { n: groups.length, b, c }
}

export const mean = (values: readonly number[]) => values.reduce((total, value) => total + value, 0) / values.length
