import { canonicalJson, type Digest, type Json, SheikhError } from '../core/index.js'
import { DictionaryBuilder, DictionaryColumn, TextColumnBuilder } from './column.js'
import type { ScoredItem } from './evaluate.js'
import type { Evaluation, ItemOutcome, Metric } from './evaluation.js'
import { MetricColumnBuilder } from './metric-column.js'
import { PredictionBuilder } from './prediction-column.js'

/** Builds an evaluation, item by item. */
export class EvaluationBuilder {
  readonly #ids: TextColumnBuilder
  readonly #groups = new DictionaryBuilder<string>()
  readonly #slices = new Map<string, DictionaryBuilder<string | null>>()
  readonly #targets: DictionaryBuilder<string>
  readonly #predictions: PredictionBuilder
  readonly #outcomes: DictionaryBuilder<ItemOutcome>
  readonly #metrics: readonly MetricColumnBuilder[]
  #items = 0
  #grouped = false

  /** @param size the expected number of items: what grows to its size needs more memory. */
  constructor(metrics: readonly Metric[], size: number) {
    this.#ids = new TextColumnBuilder(size)
    this.#targets = new DictionaryBuilder(size)
    this.#predictions = new PredictionBuilder({ size })
    this.#outcomes = new DictionaryBuilder(size)
    this.#metrics = metrics.map((metric) => new MetricColumnBuilder(metric, size))
  }

  /** @throws `evaluation-invalid` if a metric cannot score it. */
  push(item: ScoredItem): void {
    const { row, prediction, outcome } = item
    this.#pushGroup(row.group, row.id)
    this.#ids.push(row.id)
    for (const kind of Object.keys(row.slices))
      if (!this.#slices.has(kind)) this.#slices.set(kind, startedWith(null, this.#items))
    for (const [kind, column] of this.#slices) column.push(Object.hasOwn(row.slices, kind) ? row.slices[kind]! : null)
    this.#targets.push(canonicalJson((row.target ?? null) as Json))
    this.#predictions.push(prediction ?? null)
    this.#outcomes.push(outcome)
    for (const metric of this.#metrics) metric.push(item)
    this.#items += 1
  }

  /** @throws `evaluation-invalid` if there are no items. */
  finish(modelDigest: Digest, evaluationDigest: Digest): Evaluation {
    if (this.#items === 0)
      throw new SheikhError(
        'evaluation-invalid',
        'Cannot evaluate: the evaluation set has no items. Pin an evaluation set.',
      )
    const ids = this.#ids.finish()
    const targets = this.#targets.finish()
    return {
      formatVersion: 1,
      modelDigest,
      evaluationDigest,
      ids,
      groups: this.#grouped ? this.#groups.finish() : ids,
      slices: Object.fromEntries(
        [...this.#slices.keys()].sort().map((kind) => [kind, this.#slices.get(kind)!.finish()]),
      ),
      targets: new DictionaryColumn(
        targets.codes,
        Array.from(targets.names, (text) => JSON.parse(text) as Json),
      ),
      predictions: this.#predictions.finish(),
      outcomes: this.#outcomes.finish(),
      metrics: this.#metrics.map((metric) => metric.finish()),
    }
  }

  /** Without groups, the column of ids is reused, so a million names need no dictionary. */
  #pushGroup(group: string | undefined, id: string): void {
    if (group !== undefined && !this.#grouped) {
      this.#grouped = true
      for (const earlier of this.#ids.finish()) this.#groups.push(earlier)
    }
    if (this.#grouped) this.#groups.push(group ?? id)
  }
}

function startedWith<T>(name: T, times: number): DictionaryBuilder<T> {
  const builder = new DictionaryBuilder<T>()
  for (let index = 0; index < times; index += 1) builder.push(name)
  return builder
}
