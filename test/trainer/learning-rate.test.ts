import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { clipGradients } from '../../src/trainer/tfjs/clip-gradients.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'
import { textClassifier } from '../../src/trainer/tfjs/index.js'
import { learningRateAt, type Schedule } from '../../src/trainer/tfjs/learning-rate.js'

/** Rates of ten steps of base 1. After the warm-up they are those of PyTorch 1.13: `LinearLR(1, 0, 8)`, `CosineAnnealingLR(8)`. */
const published: readonly (readonly [Schedule, warmupRatio: number, rates: readonly number[]])[] = [
  ['linear', 0, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]],
  ['linear', 0.2, [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]],
  ['constant', 0.2, [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1]],
  [
    'cosine',
    0.2,
    [0, 0.5, 1.0, 0.9619397663, 0.8535533906, 0.6913417162, 0.5, 0.3086582838, 0.1464466094, 0.0380602337],
  ],
]

describe('the learning rate', () => {
  it.each(published)('%s with a warm-up of %d goes as in PyTorch', (schedule, warmupRatio, rates) => {
    const found = rates.map((_, index) => learningRateAt(index + 1, 10, { learningRate: 1, schedule, warmupRatio }))
    for (const [index, rate] of rates.entries()) expect(found[index]).toBeCloseTo(rate, 9)
  })

  it('is finite where all steps are warm-up, or there is one', () => {
    expect(learningRateAt(1, 1, { learningRate: 1 })).toBe(1)
    expect(learningRateAt(4, 4, { learningRate: 1, warmupRatio: 1, schedule: 'cosine' })).toBe(0.75)
  })

  it.each([{ warmupRatio: 1.1 }, { schedule: 'steps' as never }, { maximumGradientNorm: 0 }])(
    'refuses %j',
    (options) => {
      expect(() => textClassifier(options)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    },
  )

  it('that is not asked for otherwise is in no key', () => {
    const loop = ['epochs', 'batchSize', 'learningRate', 'weightDecay']
    expect(Object.keys(textClassifier().describe() as object)).toEqual([
      ...loop,
      'buckets',
      'maximumTokens',
      'bigrams',
      'characters',
    ])
    expect(textClassifier({ schedule: 'cosine' }).describe()).toMatchObject({ schedule: 'cosine' })
  })
})

describe('clipping', () => {
  it.each(['wasm', 'js'] as const)(
    'scales all gradients to the common norm on %s, and small ones not at all',
    async (name) => {
      const { tf, use } = await openDevice(name, callContext())
      const before = tf.memory().numTensors
      const clipped = (maximum: number) =>
        use(() =>
          tf.tidy(() => {
            const { a, b } = clipGradients(tf, { a: tf.tensor1d([3, 0]), b: tf.tensor2d([[0], [-4]]) }, maximum)
            return [...a!.dataSync(), ...b!.dataSync()]
          }),
        )
      // Of [3, 0] and [0, -4] the norm is 5.
      for (const [index, value] of clipped(1).entries()) expect(value).toBeCloseTo([0.6, 0, 0, -0.8][index]!, 5)
      expect(clipped(10)).toEqual([3, 0, 0, -4])
      expect(tf.memory().numTensors).toBe(before)
    },
  )
})
