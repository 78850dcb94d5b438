import { SheikhError } from '../core/index.js'
import type { Evaluation, MetricColumn } from '../evaluation/index.js'

/** The unit of inference: items that are not independent, averaged. 1 is right, 0 is wrong, whatever the metric's direction. */
export interface PairedGroup {
  readonly candidate: number
  readonly opponent: number
  /** Items that the opponent had right and the candidate wrong. */
  readonly lost: readonly string[]
}

export interface Pairing {
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

/** @throws `evaluation-invalid` where the metric was not scored, a score is no number, or columns differ in length. */
export function metricColumn(evaluation: Evaluation, name: string): MetricColumn {
  const column = evaluation.metrics.find((metric) => metric.name === name)
  const invalid = (fact: string) =>
    new SheikhError('evaluation-invalid', `Cannot judge "${name}": ${fact}. Score it again.`)
  if (column === undefined) throw invalid('the evaluation does not hold it')
  const { length } = evaluation.ids
  if (column.scores.length !== length || evaluation.groups.length !== length || evaluation.outcomes.length !== length)
    throw invalid('the evaluation has columns of different length')
  // A comparison with NaN is never true, so it would be neither lost nor won.
  const odd = column.scores.findIndex((score) => score !== null && !(score >= 0 && score <= 1))
  if (column.kind === 'binary' && odd >= 0)
    throw invalid(`the score of "${evaluation.ids[odd]}" is ${column.scores[odd]}, and the metric is binary`)
  return column
}

/** Pairs two models group by group, over the items that `included` lets in. */
export function pairGroups(
  candidate: Evaluation,
  opponent: Evaluation,
  metric: string,
  included: (index: number) => boolean,
): Pairing {
  const ours = metricColumn(candidate, metric)
  const theirs = metricColumn(opponent, metric)
  const right = (score: number) => (ours.direction === 'higher-is-better' ? score : 1 - score)
  const groups = new Map<string, { candidate: number[]; opponent: number[]; lost: string[] }>()
  let items = 0
  let unanswered = 0
  for (const [index, id] of candidate.ids.entries()) {
    if (!included(index)) continue
    items += 1
    const [one, other] = [ours.scores[index], theirs.scores[index]]
    if (one === null || one === undefined || other === null || other === undefined) {
      unanswered += 1
      continue
    }
    const key = candidate.groups[index]!
    const group = groups.get(key) ?? { candidate: [], opponent: [], lost: [] }
    groups.set(key, group)
    group.candidate.push(right(one))
    group.opponent.push(right(other))
    if (right(one) < right(other)) group.lost.push(id)
  }
  const paired = [...groups.values()].map((group) => ({
    candidate: mean(group.candidate),
    opponent: mean(group.opponent),
    lost: group.lost,
  }))
  return { groups: paired, items, unanswered }
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
