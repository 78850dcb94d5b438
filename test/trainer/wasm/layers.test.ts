import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import type { Device } from '../../../src/trainer/tfjs/devices.js'
import { expectSame, js, noise, on, tf, type Values, wasm } from './both-devices.js'

const { layers } = tf
// What a layer of each class has in common, to tfjs's types.
type Layers = Parameters<ReturnType<typeof tf.sequential>['add']>[0][]

interface Case {
  readonly input: readonly number[]
  /** @default 4 */
  readonly batch?: number
  /** What goes in are whole numbers below this. */
  readonly below?: number
  readonly layers: () => Layers
  readonly loss?: (target: Tensor, output: Tensor) => Tensor
}

const image = [8, 8, 3]
const sequence = [5, 6]
const dense = (units: number, activation?: string) =>
  layers.dense({ units, ...(activation ? { activation: activation as never } : {}) })
const classes = (logits: Tensor) => tf.oneHot(tf.range(0, logits.shape[0]!, 1, 'int32'), logits.shape[1]!)
const flat = layers.flatten

const cases: Readonly<Record<string, Case>> = {
  Dense: { input: [7], layers: () => [dense(6), dense(3)] },
  Conv1D: {
    input: [9, 3],
    layers: () => [layers.conv1d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' }), flat(), dense(2)],
  },
  Conv2D: {
    input: image,
    layers: () => [layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }), flat(), dense(2)],
  },
  'Conv2D, two of them, with strides': {
    input: image,
    layers: () => [
      layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'elu' }),
      layers.conv2d({ filters: 5, kernelSize: 1, strides: 2, padding: 'same' }),
      ...[flat(), dense(2)],
    ],
  },
  Conv2DTranspose: {
    input: image,
    layers: () => [
      layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2 }),
      layers.globalAveragePooling2d({}),
      dense(2),
    ],
  },
  DepthwiseConv2D: {
    input: image,
    layers: () => [layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same' }), flat(), dense(2)],
  },
  SeparableConv2D: {
    input: image,
    layers: () => [layers.separableConv2d({ filters: 4, kernelSize: 3 }), flat(), dense(2)],
  },
  MaxPooling2D: {
    input: image,
    layers: () => [
      layers.conv2d({ filters: 3, kernelSize: 3 }),
      layers.maxPooling2d({ poolSize: 2 }),
      flat(),
      dense(2),
    ],
  },
  'MaxPooling2D, overlapping': {
    input: image,
    layers: () => [
      layers.conv2d({ filters: 3, kernelSize: 3 }),
      layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
      flat(),
      dense(2),
    ],
  },
  AveragePooling2D: {
    input: image,
    layers: () => [
      layers.conv2d({ filters: 3, kernelSize: 3 }),
      layers.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
      flat(),
      dense(2),
    ],
  },
  GlobalAveragePooling2D: {
    input: image,
    layers: () => [layers.conv2d({ filters: 3, kernelSize: 3 }), layers.globalAveragePooling2d({}), dense(2)],
  },
  GlobalMaxPooling1D: { input: sequence, layers: () => [dense(4), layers.globalMaxPooling1d({}), dense(2)] },
  UpSampling2D: {
    // The gradient of js is wrong for more than one image.
    batch: 1,
    input: [4, 4, 2],
    layers: () => [layers.conv2d({ filters: 2, kernelSize: 1 }), layers.upSampling2d({}), flat(), dense(2)],
  },
  ZeroPadding2D: {
    input: image,
    layers: () => [layers.conv2d({ filters: 2, kernelSize: 3 }), layers.zeroPadding2d({}), flat(), dense(2)],
  },
  BatchNormalization: {
    input: image,
    layers: () => [layers.conv2d({ filters: 4, kernelSize: 3 }), layers.batchNormalization({}), flat(), dense(2)],
  },
  'BatchNormalization of features': { input: [7], layers: () => [dense(6), layers.batchNormalization({}), dense(2)] },
  LayerNormalization: { input: sequence, layers: () => [dense(8), layers.layerNormalization({}), flat(), dense(2)] },
  Embedding: {
    input: [5],
    below: 9,
    layers: () => [layers.embedding({ inputDim: 9, outputDim: 4 }), flat(), dense(2)],
  },
  LSTM: { input: sequence, layers: () => [layers.lstm({ units: 4 }), dense(2)] },
  GRU: { input: sequence, layers: () => [layers.gru({ units: 4 }), dense(2)] },
  SimpleRNN: { input: sequence, layers: () => [layers.simpleRNN({ units: 4 }), dense(2)] },
  'LSTM of an embedding, both ways': {
    input: [5],
    below: 9,
    layers: () => [
      layers.embedding({ inputDim: 9, outputDim: 4 }),
      layers.bidirectional({
        layer: layers.lstm({ units: 3, returnSequences: true }),
        mergeMode: 'concat',
      }) as never,
      ...[flat(), dense(2)],
    ],
  },
  TimeDistributed: {
    input: sequence,
    layers: () => [layers.timeDistributed({ layer: dense(3) }), flat(), dense(2)],
  },
  Dropout: { input: [7], layers: () => [dense(6), layers.dropout({ rate: 0.4, seed: 3 }), dense(2)] },
  ...Object.fromEntries(
    [
      'relu',
      'relu6',
      'elu',
      'selu',
      'softplus',
      'softsign',
      'sigmoid',
      'hardSigmoid',
      'tanh',
      'swish',
      'mish',
      'gelu',
      'gelu_new',
      'softmax',
    ].map((activation): [string, Case] => [
      `Dense with ${activation}`,
      { input: [7], layers: () => [dense(6, activation), dense(2)] },
    ]),
  ),
  LeakyReLU: { input: [7], layers: () => [dense(6), layers.leakyReLU({}), dense(2)] },
  PReLU: { input: [7], layers: () => [dense(6), layers.prelu({}), dense(2)] },
  'softmax cross-entropy': {
    input: [7],
    layers: () => [dense(6)],
    loss: (_, output) => tf.losses.softmaxCrossEntropy(classes(output), output),
  },
  'softmax cross-entropy, smoothed': {
    input: [7],
    layers: () => [dense(6)],
    loss: (_, output) => tf.losses.softmaxCrossEntropy(classes(output), output, undefined, 0.1),
  },
  'sigmoid cross-entropy': {
    input: [7],
    layers: () => [dense(6)],
    loss: (_, output) => tf.losses.sigmoidCrossEntropy(classes(output), output),
  },
  'log loss': {
    input: [7],
    layers: () => [dense(6, 'sigmoid')],
    loss: (_, output) => tf.losses.logLoss(classes(output), output),
  },
  'Huber loss': { input: [7], layers: () => [dense(6)], loss: (target, output) => tf.losses.huberLoss(target, output) },
  'cross-entropy by log-softmax': {
    input: [7],
    layers: () => [dense(6)],
    loss: (_, output) => tf.neg(tf.mean(tf.sum(tf.mul(classes(output), tf.logSoftmax(output)), -1))),
  },
}

const meanSquared = (target: Tensor, output: Tensor) => tf.losses.meanSquaredError(target, output)

/** The loss and all gradients of the model at weights of its own; what is held is let go of. */
function lossAndGradients(device: Device, of: Case): readonly Values[] {
  const model = build(device, of)
  const values = on(device, () => {
    const { value, grads } = tf.variableGrads(() => lossOf(model, of))
    return [value, ...weightsOf(model).map(({ name }) => grads[name]!)]
  })
  device.use(() => model.dispose())
  return values
}

function build(device: Device, { input, layers }: Case) {
  return device.use(() => {
    const model = tf.sequential()
    layers().forEach((layer, at) => {
      // The first layer says what goes in.
      if (at === 0) model.add(tf.layers.inputLayer({ inputShape: [...input] }))
      model.add(layer)
    })
    tf.tidy(() => model.setWeights(model.getWeights().map(({ shape }, at) => tf.mul(noise(shape, at), 0.5))))
    return model
  })
}

type Model = ReturnType<typeof build>
const weightsOf = (model: Model) => model.trainableWeights.map((weight) => weight.read() as Variable)

function lossOf(model: Model, { input, below, batch = 4, loss = meanSquared }: Case): Scalar {
  const x = noise([batch, ...input], 1)
  const output = model.apply(below === undefined ? x : tf.floor(tf.mul(tf.abs(x), below)), { training: true }) as Tensor
  return tf.mean(loss(noise(output.shape, 2), output))
}

describe('a model with', () => {
  it.each(Object.entries(cases))('%s has the loss and gradients of js', (_, of) => {
    expectSame({ wasm: lossAndGradients(wasm, of), js: lossAndGradients(js, of) })
  })

  it.each(Object.entries(cases))('%s learns', (_, of) => {
    const model = build(wasm, of)
    wasm.use(() => {
      const optimizer = tf.train.adam(0.01)
      const losses = Array.from({ length: 12 }, () => {
        const step = () => optimizer.minimize(() => lossOf(model, of), true, weightsOf(model))!
        return tf.tidy(() => step().dataSync()[0]!)
      })
      expect(losses.at(-1)).toBeLessThan(losses[0]!)
      optimizer.dispose()
      model.dispose()
    })
  })
})
