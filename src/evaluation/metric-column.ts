import { SheikhError } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import type { ScoredItem } from './evaluate.js'
import type { Metric, MetricColumn } from './evaluation.js'

/** A metric's scores, item by item, and its value over those that were answered. @throws `evaluation-invalid`. */
export function columnOf(metric: Metric, items: readonly ScoredItem[]): MetricColumn {
  const { name, direction, kind, range } = metric
  const head = { name, direction, kind, ...(range !== undefined && { range }) }
  const each = (score: (item: Answered) => number) =>
    items.map((item) => {
      if (!isAnswered(item)) return null
      checkNeeds(metric, item)
      const value = score(item)
      if (Number.isFinite(value)) return value
      throw invalid(metric, item.row.id, `its score is ${value}`)
    })
  if (kind === 'aggregate') {
    const answered = items.filter(isAnswered)
    for (const item of answered) checkNeeds(metric, item)
    return { ...head, scores: items.map(() => null), value: finite(metric.aggregate?.(answered)) }
  }
  const scores = each(({ row, prediction }) => metric.score(row, prediction))
  if (kind === 'binary') {
    const index = scores.findIndex((score) => score !== null && score !== 0 && score !== 1)
    if (index >= 0)
      throw invalid(metric, items[index]!.row.id, `its score is ${scores[index]}, and the metric is binary`)
  }
  if (kind !== 'ratio')
    return {
      ...head,
      scores,
      value: finite(sum(scores) / scores.filter((score) => score !== null).length),
    }
  const weights = each(({ row, prediction }) => metric.weight?.(row, prediction) ?? 1)
  return { ...head, scores, weights, value: finite(sum(scores) / sum(weights)) }
}

type Answered = ScoredItem & { readonly prediction: Prediction }
const isAnswered = (item: ScoredItem): item is Answered => item.outcome === 'ok' && item.prediction !== undefined

function checkNeeds(metric: Metric, { row, prediction }: Answered): void {
  const { needs } = metric
  const given =
    needs === 'probabilities'
      ? prediction.kind === 'label' && prediction.probabilities !== undefined
      : prediction.kind === needs
  if (!given) throw invalid(metric, row.id, `the metric needs ${needs}, and the model gives ${prediction.kind}`)
}

const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0)
const finite = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : null)

const invalid = (metric: Metric, id: string, fact: string) =>
  new SheikhError(
    'evaluation-invalid',
    `Cannot score "${metric.name}" on "${id}": ${fact}. Correct the metric or the model.`,
    { facts: { metric: metric.name, id } },
  )
