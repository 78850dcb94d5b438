import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { combinePredictions } from '../../src/ensemble/combine.js'
import type { Prediction } from '../../src/model/index.js'

const label = (probabilities: Readonly<Record<string, number>>): Prediction => {
  const [best] = Object.entries(probabilities).sort(([, one], [, other]) => other - one)
  return { kind: 'label', label: best![0], probabilities }
}

describe('the combination of predictions', () => {
  it('is the mean of probabilities by shares, and 0 for a label that a member does not know', () => {
    const members = [label({ a: 0.9, b: 0.1 }), label({ b: 0.8, c: 0.2 })]
    expect(combinePredictions(members, [1, 1], 'mean')).toEqual({
      ...{ kind: 'label', label: 'a' },
      probabilities: { a: 0.45, b: expect.closeTo(0.45, 12), c: 0.1 },
    })
    expect(combinePredictions(members, [1, 3], 'mean')).toMatchObject({ label: 'b' })
  })

  it('has probabilities that add up to 1, and the likeliest label', () => {
    const share = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
    const raw = fc.dictionary(fc.string(), fc.double({ min: 1e-3, max: 1, noNaN: true }), { minKeys: 1, maxKeys: 5 })
    const member = raw.map((values) => {
      const total = Object.values(values).reduce((sum, value) => sum + value, 0)
      return label(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value / total])))
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(member, share), { minLength: 1, maxLength: 6 }), (drawn) => {
        const combined = combinePredictions(
          drawn.map(([prediction]) => prediction),
          drawn.map(([, part]) => part),
          'mean',
        )
        if (combined.kind !== 'label') throw new Error(combined.kind)
        const values = Object.values(combined.probabilities!)
        expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9)
        expect(combined.probabilities![combined.label]).toBe(Math.max(...values))
        // One member alone is itself.
        if (drawn.length === 1) expect(combined.label).toBe((drawn[0]![0] as { label: string }).label)
      }),
    )
  })

  it('is the mean of numbers and of vectors', () => {
    const numbers: Prediction[] = [1, 5].map((value) => ({ kind: 'number', value }))
    expect(combinePredictions(numbers, [3, 1], 'mean')).toEqual({ kind: 'number', value: 2 })
    const vectors: Prediction[] = [
      [1, 2],
      [3, 6],
    ].map((values) => ({ kind: 'vector', values }))
    expect(combinePredictions(vectors, [1, 1], 'mean')).toEqual({ kind: 'vector', values: [2, 4] })
  })

  it('is the answer with most votes, and of equal ones that of the earlier member', () => {
    const texts = (...answers: readonly string[]): Prediction[] => answers.map((text) => ({ kind: 'text', text }))
    expect(combinePredictions(texts('a', 'b', 'b'), [1, 1, 1], 'vote')).toEqual({ kind: 'text', text: 'b' })
    expect(combinePredictions(texts('b', 'a'), [1, 1], 'vote')).toEqual({ kind: 'text', text: 'b' })
    expect(combinePredictions(texts('b', 'a', 'b'), [1, 3, 1], 'vote')).toEqual({ kind: 'text', text: 'a' })
    const labels: Prediction[] = ['__proto__', 'x', '__proto__'].map((name) => ({ kind: 'label', label: name }))
    expect(combinePredictions(labels, [1, 1, 1], 'vote')).toEqual({ kind: 'label', label: '__proto__' })
  })

  it.each<[string, Prediction[], 'mean' | 'vote', string]>([
    [
      'kinds that differ',
      [
        { kind: 'number', value: 1 },
        { kind: 'text', text: '1' },
      ],
      'mean',
      'different kinds',
    ],
    ['the mean of texts', [{ kind: 'text', text: '1' }], 'mean', 'texts have no mean'],
    ['the mean of labels alone', [{ kind: 'label', label: 'a' }], 'mean', 'without probabilities'],
    ['votes of numbers', [{ kind: 'number', value: 1 }], 'vote', 'a number has no votes'],
    [
      'vectors of two lengths',
      [
        { kind: 'vector', values: [1] },
        { kind: 'vector', values: [] },
      ],
      'mean',
      'different lengths',
    ],
  ])('refuses %s', (_name, predictions, combine, fact) => {
    const shares = predictions.map(() => 1)
    expect(() => combinePredictions(predictions, shares, combine)).toThrow(fact)
  })
})
