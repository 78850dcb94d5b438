import { describe, expect, it } from 'vitest'
import { callContext, digestJson } from '../../src/core/index.js'
import {
  accuracy,
  evaluate,
  f1,
  logLoss,
  type Metric,
  macroF1,
  macroPrecision,
  macroRecall,
  precision,
  recall,
} from '../../src/evaluation/index.js'
import type { Model, Prediction, Row, Rows } from '../../src/model/index.js'
import reference from './reference/reference.json' with { type: 'json' }

const context = callContext()
type Item = Row<string, string>

function rowsOf(items: readonly Item[]): Rows<string, string> {
  return {
    digest: digestJson(items as never),
    size: items.length,
    async *[Symbol.asyncIterator]() {
      yield* items
    },
  }
}

const item = (id: string, target = 'ham', more: Partial<Item> = {}): Item => ({
  id,
  input: id,
  target,
  slices: {},
  ...more,
})

function modelOf(answer: (input: string) => Prediction, asked: number[] = []): Model<string> {
  return {
    digest: digestJson('model'),
    async predict(inputs) {
      asked.push(inputs.length)
      return inputs.map(answer)
    },
    async [Symbol.asyncDispose]() {},
  }
}
const says = (label: string): Prediction => ({ kind: 'label', label })
const run = (
  items: readonly Item[],
  answer: (input: string) => Prediction,
  metrics: readonly Metric[] = [accuracy()],
) => evaluate({ model: modelOf(answer), rows: rowsOf(items), metrics }, context)

/** Columns as arrays. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

it('reports its progress after each batch', async () => {
  const done: number[] = []
  const rows = rowsOf(['a', 'b', 'c', 'd', 'e'].map((id) => item(id)))
  const onProgress = (count: number) => void done.push(count)
  const model = modelOf(() => says('ham'))
  await evaluate({ model, rows, metrics: [accuracy()], batchSize: 2, onProgress }, context)
  expect(done).toEqual([2, 4, 5])
})

describe('metrics are those of scikit-learn', () => {
  const { labels, cases } = reference
  const metrics = [
    ...[accuracy(), logLoss(), macroPrecision(), macroRecall(), macroF1()],
    ...labels.flatMap((label) => [precision(label), recall(label), f1(label)]),
  ]

  it.each(cases.map((one) => [one.targets.length, one] as const))('on %i items', async (_, one) => {
    const items = one.targets.map((target, index) => item(String(index).padStart(3, '0'), target))
    const evaluation = await run(
      items,
      (input) => ({
        kind: 'label',
        label: one.said[Number(input)]!,
        probabilities: Object.fromEntries(
          labels.map((label, index) => [label, one.probabilities[Number(input)]![index]!]),
        ),
      }),
      metrics,
    )
    for (const { name, value } of evaluation.metrics) {
      const expected = (one as unknown as Record<string, number | null>)[name]
      expect(expected, name).not.toBe(undefined)
      if (expected === null) expect(value, name).toBe(null)
      // Sums in another order: a few units in the last place.
      else expect(value, name).toBeCloseTo(expected!, 12)
    }
  })
})

describe('an evaluation', () => {
  it('is columns in order, with groups, slices and every answer', async () => {
    const items = [
      item('a', 'ham', { group: 'thread-1', slices: { source: 'web' } }),
      item('b', 'spam', { slices: { source: 'mail', language: 'de' } }),
    ]
    const evaluation = await run(items, () => says('ham'))
    expect(plain(evaluation)).toMatchObject({
      ids: ['a', 'b'],
      groups: ['thread-1', 'b'],
      slices: { language: [null, 'de'], source: ['web', 'mail'] },
      targets: ['ham', 'spam'],
      outcomes: ['ok', 'ok'],
      metrics: [{ name: 'accuracy', scores: [1, 0], value: 0.5 }],
    })
  })

  it('asks in batches, whatever the size', async () => {
    const items = Array.from({ length: 10 }, (_, index) => item(String(index)))
    for (const [batchSize, expected] of [
      [3, [3, 3, 3, 1]],
      [10, [10]],
      [64, [10]],
    ] as const) {
      const asked: number[] = []
      const model = modelOf(() => says('ham'), asked)
      const { metrics } = await evaluate({ model, rows: rowsOf(items), metrics: [accuracy()], batchSize }, context)
      expect(asked).toEqual(expected)
      expect(metrics[0]!.value).toBe(1)
    }
  })

  it('of no items is an error', async () => {
    await expect(run([], () => says('ham'))).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('an answer that did not come is no wrong answer, and costs its neighbours nothing', async () => {
    const items = ['fine', 'slow', 'crash', 'good'].map((id) => item(id))
    const evaluation = await run(items, (input) => {
      if (input === 'slow') throw new DOMException('took too long', 'TimeoutError')
      if (input === 'crash') throw new Error('out of memory')
      return says('ham')
    })
    expect([...evaluation.outcomes]).toEqual(['ok', 'timeout', 'error', 'ok'])
    expect(plain(evaluation.metrics[0])).toMatchObject({ scores: [1, null, null, 1], value: 1 })
  })

  it('without any answer has no value', async () => {
    const evaluation = await run([item('a')], () => {
      throw new Error('down')
    })
    expect(plain(evaluation.metrics[0])).toMatchObject({ scores: [null], value: null })
  })

  it.each([
    ['a probability that is NaN', { kind: 'label', label: 'ham', probabilities: { ham: Number.NaN } }],
    ['an infinite number', { kind: 'number', value: Number.POSITIVE_INFINITY }],
    ['a vector with a hole', { kind: 'vector', values: [1, undefined] }],
    ['no kind that there is', { kind: 'opinion' }],
    ['nothing', undefined],
  ])('refuses %s', async (_, prediction) => {
    await expect(run([item('a')], () => prediction as Prediction)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('refuses a model that answers for fewer than were asked', async () => {
    const model = { ...modelOf(() => says('ham')), predict: async () => [says('ham')] }
    await expect(
      evaluate({ model, rows: rowsOf([item('a'), item('b')]), metrics: [accuracy()] }, context),
    ).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('refuses a metric that needs what the model does not give', async () => {
    await expect(run([item('a')], () => says('ham'), [logLoss()])).rejects.toThrow(/needs probabilities/)
    await expect(run([item('a')], () => ({ kind: 'number', value: 1 }))).rejects.toThrow(/needs label/)
  })

  it.each([
    ['NaN', Number.NaN],
    ['a half, of a metric that is binary', 0.5],
  ])('refuses a score that is %s', async (_, score) => {
    const metric: Metric = { ...accuracy(), name: 'mine', score: () => score }
    await expect(run([item('a')], () => says('ham'), [metric])).rejects.toMatchObject({
      code: 'evaluation-invalid',
      facts: { metric: 'mine', id: 'a' },
    })
  })

  it('gives an aggregate all that was answered', async () => {
    const metric: Metric = {
      ...accuracy(),
      name: 'distinct',
      kind: 'aggregate',
      aggregate: (items) => new Set(items.map(({ prediction }) => JSON.stringify(prediction))).size,
    }
    const items = ['a', 'b', 'crash'].map((id) => item(id))
    const evaluation = await run(
      items,
      (input) => {
        if (input === 'crash') throw new Error('down')
        return says(input)
      },
      [metric],
    )
    expect(plain(evaluation.metrics[0])).toMatchObject({ scores: [null, null, null], value: 2 })
  })

  it('a label named like a member of every object is a label', async () => {
    const prediction = { kind: 'label', label: 'ham', probabilities: { ham: 1 } } as const
    const evaluation = await run([item('a', 'constructor')], () => prediction, [accuracy(), logLoss()])
    expect(evaluation.metrics[0]!.value).toBe(0)
    expect(evaluation.metrics[1]!.value).toBeCloseTo(-Math.log(Number.EPSILON), 9)
  })

  it('stops between batches when it is aborted, with the reason untouched', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const asked: number[] = []
    const model = modelOf(() => {
      controller.abort(reason)
      return says('ham')
    }, asked)
    const items = Array.from({ length: 10 }, (_, index) => item(String(index)))
    await expect(
      evaluate(
        { model, rows: rowsOf(items), metrics: [accuracy()], batchSize: 2 },
        callContext({ signal: controller.signal }),
      ),
    ).rejects.toBe(reason)
    expect(asked).toEqual([2])
  })
})
