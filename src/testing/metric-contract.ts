import assert from 'node:assert/strict'
import type { Metric } from '../evaluation/index.js'
import type { Prediction, Row } from '../model/index.js'
import type { ContractTest } from './contract-test.js'

/** Rows with possible predictions for them. By default the labels are `a` and `b`. */
export type MetricExamples = readonly (readonly [row: Row<unknown, unknown>, prediction: Prediction])[]

const labelled = (target: string, label: string, ofA: number): MetricExamples[number] => [
  { id: `${target}${label}${ofA}`, input: 'text', target, slices: {} },
  { kind: 'label', label, probabilities: { a: ofA, b: 1 - ofA } },
]
const labels: MetricExamples = [
  labelled('a', 'a', 0.9),
  labelled('a', 'b', 0.4),
  labelled('b', 'b', 0.2),
  labelled('b', 'a', 1),
  labelled('c', 'a', 0.6),
]

/**
 * Tests what every metric must do.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 *
 * metricContract(test, async () => myMetric())
 * ```
 */
export function metricContract(
  test: ContractTest,
  make: () => Promise<Metric>,
  examples: MetricExamples = labels,
): void {
  test('a metric says what it is, in JSON', async () => {
    const metric = await make()
    assert.equal(metric.contract, 1)
    assert.notEqual(metric.name, '')
    assert.deepEqual(JSON.parse(JSON.stringify(metric.describe())), metric.describe())
    assert.ok(['higher-is-better', 'lower-is-better'].includes(metric.direction))
    assert.equal(metric.kind === 'aggregate', metric.aggregate !== undefined)
    assert.equal(metric.kind === 'ratio', metric.weight !== undefined)
  })

  test('a metric scores every item with a finite number, the same one each time', async () => {
    const metric = await make()
    for (const [row, prediction] of examples) {
      const score = metric.score(row, prediction)
      assert.ok(Number.isFinite(score), `${metric.name} is ${score} on ${row.id}`)
      assert.equal(metric.score(row, prediction), score)
      if (metric.kind === 'binary') assert.ok(score === 0 || score === 1)
      if (metric.kind === 'ratio') assert.ok(Number.isFinite(metric.weight!(row, prediction)))
    }
  })

  test('a metric does not change what it looks at', async () => {
    const metric = await make()
    const before = JSON.stringify(examples)
    for (const [row, prediction] of examples) metric.score(row, prediction)
    assert.equal(JSON.stringify(examples), before)
  })
}
