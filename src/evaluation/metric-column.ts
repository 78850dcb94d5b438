import { SheikhError } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import { GrowingArray, NumberColumn } from './column.js'
import type { ScoredItem } from './evaluate.js'
import type { Metric, MetricColumn } from './evaluation.js'

/** Collects a metric's scores item by item, and its value over the answered items. */
export class MetricColumnBuilder {
  readonly #metric: Metric
  readonly #scores: GrowingArray<Float64Array>
  readonly #weights: GrowingArray<Float64Array>
  /** An aggregate needs all items at the end, so all are kept. */
  readonly #items: Answered[] = []
  #sum = 0
  #weight = 0
  #answered = 0

  /** @param size the expected number of items. */
  constructor(metric: Metric, size: number) {
    this.#metric = metric
    this.#scores = new GrowingArray(new Float64Array(size))
    this.#weights = new GrowingArray(new Float64Array(metric.kind === 'ratio' ? size : 0))
  }

  /** @throws `evaluation-invalid`. */
  push(item: ScoredItem): void {
    const { kind } = this.#metric
    if (!isAnswered(item)) {
      this.#scores.push(Number.NaN)
      if (kind === 'ratio') this.#weights.push(Number.NaN)
      return
    }
    checkNeeds(this.#metric, item)
    this.#answered += 1
    if (kind === 'aggregate') {
      this.#items.push(item)
      this.#scores.push(Number.NaN)
      return
    }
    const { row, prediction } = item
    const score = this.#checked(item, this.#metric.score(row, prediction))
    if (kind === 'binary' && score !== 0 && score !== 1)
      throw invalid(this.#metric, row.id, `its score is ${score}, but the metric is binary`)
    this.#scores.push(score)
    this.#sum += score
    if (kind !== 'ratio') return
    const weight = this.#checked(item, this.#metric.weight?.(row, prediction) ?? 1)
    this.#weights.push(weight)
    this.#weight += weight
  }

  finish(): MetricColumn {
    const { name, direction, kind, range } = this.#metric
    return {
      name,
      direction,
      kind,
      ...(range !== undefined && { range }),
      scores: new NumberColumn(this.#scores.take()),
      ...(kind === 'ratio' && { weights: new NumberColumn(this.#weights.take()) }),
      value: finite(this.#value()),
    }
  }

  #value(): number | undefined {
    const { kind } = this.#metric
    if (kind === 'aggregate') return this.#metric.aggregate?.(this.#items)
    return this.#sum / (kind === 'ratio' ? this.#weight : this.#answered)
  }

  #checked({ row }: Answered, value: number): number {
    if (Number.isFinite(value)) return value
    throw invalid(this.#metric, row.id, `its score is ${value}`)
  }
}

type Answered = ScoredItem & { readonly prediction: Prediction }
const isAnswered = (item: ScoredItem): item is Answered => item.outcome === 'ok' && item.prediction !== undefined

function checkNeeds(metric: Metric, { row, prediction }: Answered): void {
  const { needs } = metric
  const given =
    needs === 'probabilities'
      ? prediction.kind === 'label' && prediction.probabilities !== undefined
      : prediction.kind === needs
  if (!given)
    throw invalid(metric, row.id, `the metric needs ${needs}, but the prediction is of kind ${prediction.kind}`)
}

const finite = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : null)

const invalid = (metric: Metric, id: string, fact: string) =>
  new SheikhError(
    'evaluation-invalid',
    `Cannot score "${metric.name}" on "${id}": ${fact}. Correct the metric or the model.`,
    { facts: { metric: metric.name, id } },
  )
