import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { textFeatures } from '../../src/model/text-features.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { trainerContract } from '../../src/testing/trainer-contract.js'
import { deviceNames, openDevice } from '../../src/trainer/tfjs/devices.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { deviceForTests } from './device-for-tests.js'

const small = { epochs: 4, buckets: 2 ** 8, learningRate: 0.3 }
for (const device of deviceNames) {
  const opened = await deviceForTests(device)
  const missing = typeof opened === 'string' ? opened : undefined
  console.log(`The trainer contract on ${device}: ${missing === undefined ? 'run' : `skipped. ${missing}`}`)
  describe.skipIf(missing !== undefined)(`tfjs on ${device}`, () =>
    trainerContract(it, async () => tfjsTrainer(textClassifier(small), { device })),
  )
}
describe('the fake trainer', () => trainerContract(it, async () => fakeTrainer()))

describe('our wasm kernels', () => {
  it('give what js gives, on random shapes', async () => {
    const [wasm, js] = [await openDevice('wasm', callContext()), await openDevice('js', callContext())]
    const random = seededRandom('kernels')
    for (let round = 0; round < 50; round += 1) {
      const [items, width, segments] = [random.below(40), 1 + random.below(5), 1 + random.below(8)]
      const values = Float32Array.from({ length: items * width }, () => random.normal())
      const ids = Int32Array.from({ length: items }, () => random.below(segments + 2) - 1)
      const run = ({ tf, use }: typeof wasm) =>
        use(() =>
          tf.tidy(() =>
            Array.from(
              tf
                .unsortedSegmentSum(tf.tensor2d(values, [items, width]), tf.tensor1d(ids, 'int32'), segments)
                .dataSync(),
            ),
          ),
        )
      // Same additions in the same order, in float32 here and there: no tolerance is needed beyond one rounding.
      const [ours, theirs] = [run(wasm), run(js)]
      expect(ours.length).toBe(segments * width)
      ours.forEach((value, index) => {
        expect(value).toBeCloseTo(theirs[index]!, 5)
      })
    }
  })

  it('gather what js gathers: rows of any shape, by indices of any shape, and other axes as before', async () => {
    const random = seededRandom('gather')
    const [wasm, js] = [await openDevice('wasm', callContext()), await openDevice('js', callContext())]
    for (let round = 0; round < 60; round += 1) {
      const shape = Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(5))
      const axis = round % 3 === 0 ? random.below(shape.length) : 0
      const dtype = round % 2 === 0 ? 'float32' : 'int32'
      const size = shape.reduce((product, length) => product * length, 1)
      const values = Array.from({ length: size }, () => random.below(1000))
      const wanted = [1 + random.below(4), random.below(4)]
      const indices = Array.from({ length: wanted[0]! * wanted[1]! }, () => random.below(shape[axis]!))
      const run = ({ tf, use }: typeof wasm) =>
        use(() =>
          tf.tidy(() => {
            const gathered = tf.gather(tf.tensor(values, shape, dtype), tf.tensor(indices, wanted, 'int32'), axis)
            return { shape: gathered.shape, dtype: gathered.dtype, values: Array.from(gathered.dataSync()) }
          }),
        )
      expect(run(wasm)).toEqual(run(js))
    }
    const outside = ({ tf, use }: typeof wasm) =>
      use(() => tf.tidy(() => tf.gather(tf.ones([3, 2]), tf.tensor1d([3], 'int32')).dataSync()))
    expect(() => outside(wasm)).toThrow('GatherV2: the index value 3 is not in [0, 2]')
  })

  it('leave no tensor behind, and the backend of the host as it was', async () => {
    const { tf } = await openDevice('js', callContext())
    await tf.setBackend('cpu')
    const before = tf.memory().numTensors
    const trainer = tfjsTrainer(textClassifier(small))
    const contract: [string, () => Promise<void>][] = []
    trainerContract(
      (name, body) => contract.push([name, body]),
      async () => trainer,
    )
    for (const [, body] of contract) await body()
    expect(tf.memory().numTensors).toBe(before)
    expect(tf.getBackend()).toBe('cpu')
  })
})

describe('the text classifier', () => {
  it.each([
    { epochs: 0 },
    { batchSize: 1.5 },
    { learningRate: -1 },
    { weightDecay: Number.NaN },
    { buckets: 1000 },
    { maximumTokens: 0 },
    { evaluationBatchSize: 0 },
    { reportEverySteps: 0.5 },
  ])('refuses %j', (options) => {
    expect(() => textClassifier(options)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('ends a training that diverges before anything is saved', async () => {
    const model = textClassifier({ ...small, learningRate: 1e39 })
    const failures: unknown[] = []
    trainerContract(
      async (name, body) => {
        if (name.includes('same bytes')) failures.push(body().catch((error: unknown) => error))
      },
      async () => tfjsTrainer(model),
    )
    expect(await failures[0]).toMatchObject({ code: 'train-diverged' })
  })

  it('names the devices that are there', async () => {
    await expect(openDevice('tpu' as never, callContext())).rejects.toMatchObject({
      code: 'device-unavailable',
    })
  })

  it('reads words of any script, and nothing behind the cap', () => {
    const settings = { buckets: 2 ** 12, maximumTokens: 3, bigrams: false }
    expect(textFeatures('', settings).indices).toHaveLength(0)
    expect(textFeatures('один два три четыре пять', settings).indices).toHaveLength(3)
    const length = textFeatures('a a b', settings).values.reduce((sum, value) => sum + value * value, 0)
    expect(length).toBeCloseTo(1, 5)
    expect([...textFeatures('A b', settings).indices]).toEqual([...textFeatures('a, B', settings).indices])
  })
})
