import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { callContext, type JsonObject, seededRandom } from '../../../src/core/index.js'
import { type Rows, readSafetensors, type WeightsDirectory } from '../../../src/model/index.js'
import type { PipelineOptions } from '../../../src/pipeline/index.js'
import type { FitRequest, Trainer } from '../../../src/trainer/index.js'
import { openDevice } from '../../../src/trainer/tfjs/devices.js'
import {
  gradientModel,
  type LayersModelOptions,
  layersModel,
  type TfjsTrainerOptions,
  tfjsTrainer,
} from '../../../src/trainer/tfjs/index.js'
import { loadWholeTfjs } from '../../../src/trainer/tfjs/own-model/load-tfjs.js'
import { orthogonal } from '../../../src/trainer/tfjs/own-model/orthogonal.js'
import { itInFull } from '../../in-full.js'
import { translateInThreads } from '../../start-thread.js'
import { isWhole, sampleOf } from '../../whole.js'
import { byGradients, ofLetters } from './models.mjs'

translateInThreads()

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-own-model-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

type Build = LayersModelOptions<number[], 'label'>['build']
const sequential = (tf: Parameters<Build>[0], ...layers: readonly object[]) =>
  tf.sequential({ layers: layers as never })

const rowsOf = <I, T>(all: readonly (readonly [I, T])[]): Rows<I, T> => ({
  size: all.length,
  digest: `sha256:${String(all.length).padStart(64, '0')}`,
  async *[Symbol.asyncIterator]() {
    for (const [index, [input, target]] of all.entries()) yield { id: String(index), input, target, slices: {} }
  },
})
const words = (count: number, from = 0) =>
  Array.from({ length: count }, (_, place) => {
    const index = place + from
    return [`${['apple', 'bus', 'pear'][index % 3]} ${index % 7}`, index % 3 === 1 ? 'vehicle' : 'fruit'] as const
  })

async function train<I, T>(
  trainer: Trainer<I, T>,
  training: Rows<I, T>,
  more: Partial<FitRequest<I, T>> = {},
  stopAt?: number,
) {
  const controller = new AbortController()
  const directory = await mkdtemp(join(below, 'weights-'))
  return trainer.fit(
    { training, seed: 1, directory, ...more },
    {
      ...callContext({ signal: controller.signal }),
      progress({ step }) {
        if (step === stopAt) controller.abort('stopped')
      },
    },
  )
}
const tensorsOf = async ({ path }: WeightsDirectory) =>
  (await readSafetensors(join(path, 'model.safetensors'), callContext())).tensors

// Stripes across or along, 8 × 8.
const images = Array.from({ length: 60 }, (_, index) => {
  const random = seededRandom(index)
  const pixels = Array.from({ length: 64 }, (_, at) => {
    const line = index % 2 === 0 ? at >> 3 : at & 7
    return (line % 2) + 0.3 * random.normal()
  })
  return [pixels, index % 2 === 0 ? 'across' : 'along'] as const
})
const convolutional = (options: Partial<LayersModelOptions<number[], 'label'>> = {}) =>
  layersModel({
    ...{ answer: 'label', epochs: 6, batchSize: 10, learningRate: 0.02, version: '1' },
    input: (pixels: number[]) => pixels,
    build(tf, { labels }) {
      const input = tf.input({ shape: [8, 8, 1] })
      const conv = tf.layers.conv2d({ filters: 4, kernelSize: 3, name: 'edges' }).apply(input)
      const normal = tf.layers.batchNormalization({ momentum: 0.5 }).apply(conv)
      const pooled = tf.layers.maxPooling2d({ poolSize: 2 }).apply(tf.layers.reLU().apply(normal))
      const flat = tf.layers.flatten().apply(tf.layers.dropout({ rate: 0.2 }).apply(pooled))
      const outputs = tf.layers.dense({ units: labels.length, activation: 'softmax' }).apply(flat)
      return tf.model({ inputs: input, outputs: outputs as never })
    },
    ...options,
  })
// The last of six numbers decides.
const sequences = Array.from({ length: 80 }, (_, index) => {
  const random = seededRandom(`sequence-${index}`)
  const codes = Array.from({ length: 6 }, () => 1 + random.below(8))
  return [codes, codes[5]! > 4 ? 'high' : 'low'] as const
})
const recurrent = () =>
  layersModel({
    ...{ answer: 'label', epochs: 8, batchSize: 20, learningRate: 0.06, version: '1' },
    input: (codes: number[]) => codes,
    build: (tf, { labels }) =>
      tf.sequential({
        layers: [
          tf.layers.embedding({ inputDim: 9, outputDim: 4, inputLength: 6 }),
          tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 8 }) as never, mergeMode: 'concat' }),
          tf.layers.dense({ units: labels.length, kernelRegularizer: tf.regularizers.l2({ l2: 0.001 }) }),
        ],
      }),
  })

describe.each(['wasm', 'js'] as const)('on %s', (device) => {
  const learners = [
    ['convolutions, batch norm and dropout', () => tfjsTrainer(convolutional(), { device }), images],
    ['an embedding and an LSTM both ways', () => tfjsTrainer(recurrent(), { device }), sequences],
  ] as const
  // On js they take seconds. contract.test.ts shows the same bytes.
  it.each(isWhole ? learners : device === 'wasm' ? sampleOf(learners, 1) : [])(
    '%s learn, in CI to the same bytes, and leave no tensor behind',
    async (_, make, all) => {
      const { tf } = await openDevice(device, callContext())
      const { weights, record } = await train(make(), rowsOf(all))
      const before = tf.memory().numTensors
      if (isWhole) {
        expect((await train(make(), rowsOf(all))).weights.digest).toBe(weights.digest)
        expect((await train(make(), rowsOf(all), { seed: 2 })).weights.digest).not.toBe(weights.digest)
      }
      expect(record.lossCurve.at(-1)![1]).toBeLessThan(record.lossCurve[0]![1] / 2)
      const model = await make().load(weights, callContext())
      const predictions = await model.predict(
        all.map(([input]) => input),
        callContext(),
      )
      const right = predictions.filter((one, at) => one.kind === 'label' && one.label === all[at]![1])
      expect(right.length / all.length).toBeGreaterThan(0.9)
      await model[Symbol.asyncDispose]()
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  it.runIf(isWhole || device === 'wasm')('numbers are learned by their squared error', async () => {
    const line = Array.from({ length: 40 }, (_, at) => [[at / 40, (at % 5) / 5], at / 20 - (at % 5) / 5 + 1] as const)
    const shared = { answer: 'number', epochs: 120, batchSize: 10, learningRate: 0.03 } as const
    const input = (pair: readonly number[]) => pair
    const models = [
      layersModel({
        ...{ ...shared, input },
        build: (tf) => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
      }),
      gradientModel({
        ...{ ...shared, input, inputShape: [2] },
        init: (tf) => ({ weight: tf.zeros([2, 1]), bias: tf.zeros([1]) }),
        predict: (tf, { weight, bias }, inputs) => tf.add(tf.matMul(inputs, weight!), bias!),
      }),
    ]
    for (const model of models) {
      const trainer = tfjsTrainer(model, { device })
      expectTypeOf(trainer).toEqualTypeOf<Trainer<readonly number[], number>>()
      const { weights } = await train(trainer, rowsOf(line))
      await using learned = await trainer.load(weights, callContext())
      const [found] = await learned.predict([[0.5, 0.5]], callContext())
      expect(found).toMatchObject({ kind: 'number', value: expect.closeTo(1.5, 1) })
    }
  })
})

describe.each([
  ['layersModel', ofLetters],
  ['gradientModel', byGradients],
])('%s', (_, build) => {
  const learn = (options: TfjsTrainerOptions, model = build({ epochs: 3 })) =>
    train(tfjsTrainer(model, options), rowsOf(words(60)))

  itInFull.each(sampleOf(['js', 'wasm'] as const, 1))(
    'gives in a thread of its own what it gives on the caller’s, on %s',
    async (device) => {
      const [own, caller] = [await learn({ device, thread: 'own' }), await learn({ device, thread: 'caller' })]
      expect(own).toEqual({ ...caller, weights: { ...caller.weights, path: own.weights.path } })
      expect(own.record.environment!.packages).toHaveProperty('@tensorflow/tfjs')
    },
  )

  itInFull('stopped in its midst, goes on to the same bytes, also with batches that are added up', async () => {
    const epochs = isWhole ? 4 : 2
    const trainer = tfjsTrainer(build({ epochs, batchSize: 8, gradientAccumulation: 2 }), { device: 'js' })
    const whole = await train(trainer, rowsOf(words(32)))
    const checkpoints = await mkdtemp(join(below, 'checkpoints-'))
    await expect(train(trainer, rowsOf(words(32)), { checkpoints }, 3)).rejects.toBe('stopped')
    expect((await train(trainer, rowsOf(words(32)), { checkpoints })).weights.digest).toBe(whole.weights.digest)
  })

  it('stops early, and starts from a release', async () => {
    const stopping = tfjsTrainer(
      build({ epochs: 60, learningRate: 0.05, earlyStopping: { patience: 2, minimumImprovement: 0.01 } }),
    )
    const { weights, record } = await train(stopping, rowsOf(words(60)), { development: rowsOf(words(20, 100)) })
    expect(record.developmentCurve!.length).toBeLessThan(60)
    const still = { learningRate: 1e-30, maximumSteps: 1 }
    const warm = await train(tfjsTrainer(build(still)), rowsOf(words(60)), { base: weights })
    const learned = (await tensorsOf(warm.weights)).filter(({ name }) => !name.includes('moving_'))
    for (const tensor of learned) expect(await tensorsOf(weights)).toContainEqual(tensor)
    const wider = [...words(60), ['a ship', 'vessel'] as const]
    await expect(train(tfjsTrainer(build(still)), rowsOf(wider), { base: weights })).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('Cannot start from the base'),
    })
  })
})

it('gradients are those of a model whose gradients are by hand', async () => {
  const { tf, use } = await openDevice('js', callContext())
  const model = gradientModel({
    ...{ answer: 'label', inputShape: [3], input: (values: readonly number[]) => values },
    init: (tf, { labels, seed }) => ({ weight: tf.randomNormal([3, labels.length], 0, 1, 'float32', seed()) }),
    predict: (tf, { weight }, inputs) => tf.matMul(inputs, weight!),
  })
  await model.prepare!()
  const config: JsonObject = { answer: 'label', labels: ['a', 'b'], inputShape: [3] }
  const batch = [
    { values: Float32Array.of(1, 2, -1), target: 'a' },
    { values: Float32Array.of(0.5, -1, 3), target: 'b' },
  ]
  const [found, byHand] = use(() =>
    tf.tidy(() => {
      const weights = model.init!(tf, config, seededRandom(1))
      const { gradients } = model.lossAndGradients!(tf, weights, batch, config, seededRandom(2))
      const inputs = tf.tensor2d(
        batch.flatMap(({ values }) => [...values]),
        [2, 3],
      )
      // Of the mean cross-entropy by the logits: (softmax − target) / batch.
      const errors = tf.div(tf.sub(tf.softmax(tf.matMul(inputs, weights['weight'] as never)), tf.eye(2)), 2)
      const wanted = tf.matMul(inputs, errors as never, true)
      return [gradients['weight']!.dataSync(), wanted.dataSync()] as never
    }),
  ) as unknown as [Float32Array, Float32Array]
  found.forEach((value, at) => {
    // One rounding to float32 or two.
    expect(value).toBeCloseTo(byHand[at]!, 6)
  })
})

it('a dropout has another mask at each step, and early stopping sees none', async () => {
  const model = layersModel({
    ...{ answer: 'number', input: (values: readonly number[]) => values },
    build: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.dropout({ rate: 0.5, inputShape: [32] }),
          tf.layers.dense({ units: 1, kernelInitializer: 'ones', useBias: false }),
        ],
      }),
  })
  await model.prepare!()
  const { tf, use } = await openDevice('wasm', callContext())
  const rows = rowsOf([[Array.from({ length: 32 }, () => 1), 0]] as const)
  const config = await model.learn(rows as never, () => undefined, callContext())
  const batch = [{ values: new Float32Array(32).fill(1), target: 0 }]
  const lossOf = (seed?: number) =>
    use(() =>
      tf.tidy(() => {
        const weights = model.init!(tf, config, seededRandom(1))
        const { loss } =
          seed === undefined
            ? model.loss!(tf, weights, batch, config)
            : model.lossAndGradients!(tf, weights, batch, config, seededRandom(seed))
        return loss.dataSync()[0] as never
      }),
    ) as unknown as number
  expect(lossOf()).toBe(32 ** 2)
  expect(lossOf(1)).toBe(lossOf(1))
  expect(new Set([1, 2, 3, 4, 5].map(lossOf)).size).toBeGreaterThan(1)
})

it('orthogonal matrices are orthogonal, the same each time, and as quick as others', () => {
  for (const [rows, columns] of [
    [3, 7],
    [7, 3],
    [64, 256],
  ] as const) {
    const values = orthogonal([rows, columns], 2, 5)
    expect(orthogonal([rows, columns], 2, 5)).toEqual(values)
    expect(orthogonal([rows, columns], 2, 6)).not.toEqual(values)
    const at = (one: number, along: number) =>
      rows < columns ? values[one * columns + along]! : values[along * columns + one]!
    for (let one = 0; one < 3; one += 1)
      for (let other = 0; other < 3; other += 1) {
        const products = Array.from(
          { length: Math.max(rows, columns) },
          (_, along) => at(one, along) * at(other, along),
        )
        // float32 of numbers below 2.
        expect(products.reduce((sum, value) => sum + value, 0)).toBeCloseTo(one === other ? 4 : 0, 5)
      }
  }
})

it('a batch that would take more than the budget is split, is as one, and stands in the record', async () => {
  const build: Build = (tf) => sequential(tf, tf.layers.dense({ units: 2, inputShape: [64] }))
  const of = async (maximumStepBytes: number) => {
    const sizes = new Set<number>()
    const stepBytes = (examples: number) => {
      sizes.add(examples)
      return 1000 * examples
    }
    const model = convolutional({ build, batchSize: 8, maximumSteps: 6, stepBytes, maximumStepBytes })
    const { record } = await train(tfjsTrainer(model, { device: 'js' }), rowsOf(images))
    return { record, sizes: [...sizes] }
  }
  const [whole, parts] = [await of(8000), await of(3000)]
  expect(whole.record.splitSteps).toBeUndefined()
  expect(parts.record.splitSteps).toBe(6)
  expect([whole.sizes[0], parts.sizes.slice(0, 3)]).toEqual([8, [8, 4, 2]])
  for (const [at, [step, loss]] of parts.record.lossCurve.entries())
    expect([step, loss]).toEqual([whole.record.lossCurve[at]![0], expect.closeTo(whole.record.lossCurve[at]![1], 5)])
  expect(() => convolutional({ maximumStepBytes: 0 })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
})

it('a pipeline takes it for inputs and targets of its types, and for no others', () => {
  type Wanted = PipelineOptions<number[], string>['trainer']
  const numbers = layersModel({ answer: 'number', input: (pixels: number[]) => pixels, build: (tf) => tf.sequential() })
  expectTypeOf(tfjsTrainer(convolutional())).toExtend<Wanted>()
  expectTypeOf(tfjsTrainer(ofLetters())).not.toExtend<Wanted>()
  expectTypeOf(tfjsTrainer(numbers)).not.toExtend<Wanted>()
})

describe('refuses', () => {
  const flat = { inputShape: [64] }

  it.each<[string, Build, string]>([
    ['noise', (tf) => sequential(tf, tf.layers.gaussianNoise({ stddev: 1, ...flat })), 'GaussianNoise'],
    [
      'dropout in an LSTM',
      (tf) =>
        sequential(tf, tf.layers.reshape({ targetShape: [8, 8], ...flat }), tf.layers.lstm({ units: 2, dropout: 0.1 })),
      'its dropout cannot be seeded',
    ],
    [
      'a constraint',
      (tf) => sequential(tf, tf.layers.dense({ units: 2, kernelConstraint: 'nonNeg', ...flat })),
      'kernelConstraint',
    ],
    ['a sigmoid', (tf) => sequential(tf, tf.layers.dense({ units: 2, activation: 'sigmoid', ...flat })), 'sigmoid'],
    [
      'a model as its last layer',
      (tf) => {
        const head = sequential(tf, tf.layers.dense({ units: 2, activation: 'softmax', inputShape: [4] }))
        return sequential(tf, tf.layers.dense({ units: 4, ...flat }), head)
      },
      'is a model itself',
    ],
    ['too many outputs', (tf) => sequential(tf, tf.layers.dense({ units: 3, ...flat })), 'but [2] is required'],
    [
      'another size of input',
      (tf) => sequential(tf, tf.layers.dense({ units: 2, inputShape: [9] })),
      'takes the shape [9]',
    ],
    ['a model without layers', (tf) => tf.sequential(), 'no layers'],
    ['what is no model', () => undefined as never, '"build" returned none'],
  ])('%s', async (_, build, said) => {
    const { tf } = await openDevice('js', callContext())
    const before = tf.memory().numTensors
    const error = await train(tfjsTrainer(convolutional({ build }), { device: 'js' }), rowsOf(images)).catch(
      (one: unknown) => one,
    )
    expect(error).toMatchObject({ code: 'invalid-options', message: expect.stringContaining(said) })
    expect(tf.memory().numTensors).toBe(before)
  })

  it('options out of range, rows of another kind, and weights that are not learned', async () => {
    expect(() => convolutional({ epochs: 0 })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    const trainer = tfjsTrainer(convolutional(), { device: 'js' })
    for (const row of [
      [[1, 2], 3],
      [images[0]![0].map(() => Number.NaN), 'along'],
    ])
      await expect(train(trainer, rowsOf([...images, row as never]))).rejects.toMatchObject({ code: 'dataset-invalid' })
    await expect(train(trainer, rowsOf(images.filter((_, at) => at % 2 === 0)))).rejects.toMatchObject({
      code: 'dataset-invalid',
    })
    const functions = (init: Parameters<typeof gradientModel>[0]['init']) =>
      gradientModel({
        ...{ answer: 'label', inputShape: [64], input: (pixels: number[]) => pixels, init },
        predict: (tf, { weight }, inputs) => tf.matMul(inputs, weight!),
      })
    const unused = functions((tf) => ({ weight: tf.zeros([64, 2]), unused: tf.zeros([1]) }))
    const unseeded = functions((tf) => ({ weight: tf.randomNormal([64, 2]) }))
    for (const [model, said] of [
      [unused, '"unused": the loss does not depend'],
      [unseeded, 'without a seed'],
    ] as const)
      await expect(train(tfjsTrainer(model, { device: 'js' }), rowsOf(images))).rejects.toMatchObject({
        code: 'invalid-options',
        message: expect.stringContaining(said),
      })
  })

  it('to begin without the package, and says what to install', async () => {
    const load = () => Promise.reject(new Error("Cannot find package '@tensorflow/tfjs'"))
    await expect(loadWholeTfjs(load)).rejects.toMatchObject({
      code: 'missing-peer',
      message: expect.stringContaining('npm install @tensorflow/tfjs@4.'),
    })
    await expect(loadWholeTfjs(async () => ({ Tensor: class {} }))).rejects.toMatchObject({
      code: 'device-unavailable',
    })
  })
})
