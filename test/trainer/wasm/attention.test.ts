import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core'
import { expect, it } from 'vitest'
import type { Device } from '../../../src/trainer/tfjs/devices.js'
import { expectSame, js, noise, on, tf, wasm } from './both-devices.js'

const [batch, time, heads, width, vocabulary] = [2, 6, 2, 4, 11]
const model = heads * width
const shapes: Readonly<Record<string, readonly number[]>> = {
  embedding: [vocabulary, model],
  positions: [time, model],
  query: [model, heads, width],
  key: [model, heads, width],
  value: [model, heads, width],
  merge: [heads, width, model],
  gain: [model],
  up: [model, 2 * model],
  down: [2 * model, model],
}
type Weights = Readonly<Record<string, Tensor>>

const normalise = (x: Tensor, gain: Tensor) => {
  const { mean, variance } = tf.moments(x, -1, true)
  return tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gain)
}

/** A block of a decoder: the loss of foretelling each token's successor. */
function lossOf(of: Weights): Scalar {
  const tokens = tf.tensor2d(
    Array.from({ length: batch * (time + 1) }, (_, at) => (at * 7) % vocabulary),
    [batch, time + 1],
    'int32',
  )
  const inputs = tf.slice(tokens, [0, 0], [batch, time])
  const targets = tf.oneHot(tf.cast(tf.slice(tokens, [0, 1], [batch, time]), 'int32'), vocabulary)
  const x = tf.add(tf.gather(of.embedding!, tf.cast(inputs, 'int32')), of.positions!) // [batch, time, model]
  const project = (name: string) => tf.einsum('btm,mhd->bthd', normalise(x, of.gain!), of[name]!)
  const scores = tf.einsum('bthd,bshd->bhts', project('query'), project('key')) // [batch, heads, time, time]
  const isSeen = tf.cast(tf.linalg.bandPart(tf.ones([time, time]), -1, 0), 'bool')
  const masked = tf.where(tf.broadcastTo(isSeen, scores.shape), tf.div(scores, Math.sqrt(width)), -1e9)
  const seen = tf.einsum('bhts,bshd->bthd', tf.softmax(masked), project('value'))
  const attended = tf.add(x, tf.einsum('bthd,hdm->btm', seen, of.merge!))
  const flat = tf.reshape(normalise(attended, of.gain!), [batch * time, model])
  const hidden = tf.matMul(flat, of.up as never)
  const gelu = tf.mul(tf.mul(hidden, 0.5), tf.add(tf.erf(tf.div(hidden, Math.SQRT2)), 1))
  const output = tf.add(flat, tf.matMul(gelu as never, of.down as never))
  const logits = tf.matMul(output as never, of.embedding as never, false, true)
  return tf.losses.softmaxCrossEntropy(tf.reshape(targets, [batch * time, vocabulary]), logits)
}

const gradients = (device: Device) =>
  on(device, () => {
    const names = Object.keys(shapes)
    const weights = names.map((name, at) => noise(shapes[name]!, at))
    const { value, grads } = tf.valueAndGrads((...given: Tensor[]) =>
      lossOf(Object.fromEntries(names.map((name, at) => [name, given[at]!]))),
    )(weights)
    return [value, ...grads]
  })

it('attention by einsum has the loss and gradients of js', () => {
  expectSame({ wasm: gradients(wasm), js: gradients(js) })
})

it('attention by einsum learns', () => {
  wasm.use(() => {
    const weights: Record<string, Variable> = {}
    for (const [name, shape] of Object.entries(shapes))
      weights[name] = tf.tidy(() => tf.variable(noise(shape, shape.length)))
    const optimizer = tf.train.adam(0.01)
    const losses = Array.from({ length: 15 }, () =>
      tf.tidy(() => optimizer.minimize(() => lossOf(weights), true, Object.values(weights))!.dataSync()[0]!),
    )
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
    tf.dispose(weights)
    optimizer.dispose()
  })
})

it('model.fit trains a network of convolutions', async () => {
  const before = tf.getBackend()
  const { layers } = tf
  await tf.setBackend('sheikh-wasm')
  try {
    const network = tf.sequential({
      layers: [
        layers.conv2d({ inputShape: [8, 8, 1], filters: 4, kernelSize: 3, activation: 'relu' }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
    })
    tf.tidy(() => network.setWeights(network.getWeights().map(({ shape }, at) => tf.mul(noise(shape, at), 0.3))))
    const optimizer = tf.train.adam(0.01)
    network.compile({ optimizer, loss: 'categoricalCrossentropy' })
    // Which half of the image is brighter.
    const [images, halves] = tf.tidy(() => {
      const noisy = noise([32, 8, 8, 1], 9)
      const isLeft = tf.greater(
        tf.sum(tf.slice(noisy, [0, 0, 0, 0], [32, 8, 4, 1]), [1, 2, 3]),
        tf.sum(tf.slice(noisy, [0, 0, 4, 0], [32, 8, 4, 1]), [1, 2, 3]),
      )
      return [tf.keep(noisy), tf.keep(tf.oneHot(tf.cast(isLeft, 'int32'), 2))]
    })
    const { history } = await network.fit(images, halves, { epochs: 8, batchSize: 8, shuffle: false, verbose: 0 })
    expect(history.loss!.at(-1)).toBeLessThan(history.loss![0] as number)
    tf.dispose([images, halves])
    network.dispose()
    optimizer.dispose()
  } finally {
    await tf.setBackend(before)
  }
})
