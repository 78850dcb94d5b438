import { describe, expect, it } from 'vitest'
import { metricText } from '../../src/report/primary-metric.js'

const judged = (metrics: Record<string, number | null>, ...names: readonly [string, string?][]) => ({
  metrics,
  verdict: { findings: names.map(([metric, metricKind]) => ({ metric, metricKind })) } as never,
})

describe('the metric of a release', () => {
  it.each([
    ['that the first check decides by', judged({ a: 0.5, b: 0.25 }, ['b', 'binary'], ['a', 'binary']), ', b 25.0 %'],
    [
      'as a number unless it is right or wrong',
      judged({ f1: 0.87654321, accuracy: 0.5 }, ['f1', 'aggregate']),
      ', f1 0.8765',
    ],
    ['larger than one', judged({ perplexity: 12.3456 }, ['perplexity', 'mean']), ', perplexity 12.35'],
    ['without a verdict', { metrics: { accuracy: 0.9 } }, ', accuracy 90.0 %'],
    ['that has no value', judged({ a: null, b: 0.5 }, ['a', 'binary']), ', b 0.5'],
    ['of a model that was not scored', {}, ''],
  ])('%s', (_, record, text) => {
    expect(metricText(record)).toBe(text)
  })
})
