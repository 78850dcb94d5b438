// Steps of training on our wasm backend against tfjs's wasm backend as it comes: the same operations, gradients and Adam.
import type { Scalar, Tensor, TensorInfo, Variable } from '@tensorflow/tfjs-core'
import { callContext } from '../src/core/index.js'
import { openDevice } from '../src/trainer/tfjs/devices.js'
import { type BenchRow, interleaved, peakMemoryMb } from './bench.js'

// The whole of tfjs brings the gradients, into the same engine. It is CommonJS: what it exports is under `default`.
const module = await import('@tensorflow/tfjs')
const tf = module.default ?? module

const pairs = 7
const stepsEach = 5

interface Work {
  readonly name: string
  /** What a step works through. */
  readonly items: number
  readonly unit: string
  readonly goal: number
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** Of what it learns from: made before the time begins, as it takes as long as a step. */
  readonly inputs?: Readonly<Record<string, readonly number[]>>
  loss(weights: Readonly<Record<string, Tensor>>): Tensor
}

const noise = (shape: readonly number[], seed: number, scale = 1): Tensor =>
  tf.randomNormal([...shape], 0, scale, 'float32', seed)
const classesOf = (count: number, of: number): Tensor => tf.oneHot(tf.range(0, count, 1, 'int32'), of)
const product = (left: Tensor, right: Tensor) => tf.matMul(left as never, right as never) as Tensor

const multilayer: Work = {
  name: 'step of a 784-256-256-10 perceptron, batch 64',
  ...{ items: 64, unit: 'samples/s', goal: 2 },
  shapes: { a: [784, 256], aBias: [256], b: [256, 256], bBias: [256], c: [256, 10], cBias: [10] },
  inputs: { x: [64, 784] },
  loss({ x, a, aBias, b, bBias, c, cBias }) {
    const first = tf.relu(tf.add(product(x!, a!), aBias!))
    const second = tf.relu(tf.add(product(first, b!), bBias!))
    return tf.losses.softmaxCrossEntropy(classesOf(64, 10), tf.add(product(second, c!), cBias!))
  },
}

const convolutional: Work = {
  name: 'step of a network of two convolutions, 28×28, batch 32',
  ...{ items: 32, unit: 'images/s', goal: 5 },
  shapes: { a: [3, 3, 1, 8], b: [3, 3, 8, 16], c: [784, 10] },
  inputs: { x: [32, 28, 28, 1] },
  loss({ x, a, b, c }) {
    const convolve = (x: Tensor, filter: Tensor) =>
      tf.maxPool(tf.relu(tf.conv2d(x as never, filter as never, 1, 'same')) as never, 2, 2, 'same') as Tensor
    const features = convolve(convolve(x!, a!), b!) // [32, 7, 7, 16]
    return tf.losses.softmaxCrossEntropy(classesOf(32, 10), product(tf.reshape(features, [32, 784]), c!))
  },
}

const [batch, time, heads, width, vocabulary, layers] = [16, 64, 4, 32, 512, 2]
const model = heads * width
const tokens = batch * time
const decoder: Work = {
  name: 'step of a decoder: 2 layers, width 128, 4 heads, 512 tokens, 16 × 64',
  ...{ items: tokens, unit: 'tokens/s', goal: 3 },
  shapes: {
    embedding: [vocabulary, model],
    ...Object.fromEntries(
      Array.from({ length: layers }, (_, layer) => [
        ...['query', 'key', 'value', 'merge'].map((name) => [`${name}${layer}`, [model, model]]),
        ...[
          [`gain${layer}`, [model]],
          [`up${layer}`, [model, 4 * model]],
          [`down${layer}`, [4 * model, model]],
        ],
      ]).flat(),
    ),
  },
  loss(of) {
    const ids = tf.cast(tf.mod(tf.mul(tf.range(0, tokens, 1, 'int32'), 7), vocabulary), 'int32')
    let x = tf.gather(of.embedding!, ids) // [tokens, model]
    const isSeen = tf.linalg.bandPart(tf.ones([time, time]), -1, 0)
    const mask = tf.mul(tf.sub(1, isSeen), -1e9)
    for (let layer = 0; layer < layers; layer += 1) {
      const weight = (name: string) => of[`${name}${layer}`]!
      const normal = normalise(x, weight('gain'))
      const split = (name: string) =>
        tf.transpose(tf.reshape(product(normal, weight(name)), [batch, time, heads, width]), [0, 2, 1, 3])
      const scores = tf.matMul(split('query'), split('key'), false, true) // [batch, heads, time, time]
      const seen = tf.matMul(tf.softmax(tf.add(tf.mul(scores, 1 / Math.sqrt(width)), mask)), split('value'))
      const merged = tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [tokens, model])
      x = tf.add(x, product(merged, weight('merge')))
      const hidden = product(normalise(x, weight('gain')), weight('up'))
      x = tf.add(x, product(gelu(hidden), weight('down')))
    }
    const targets = tf.oneHot(tf.cast(tf.mod(tf.add(ids, 7), vocabulary), 'int32'), vocabulary)
    return tf.losses.softmaxCrossEntropy(targets, tf.matMul(x as never, of.embedding as never, false, true))
  },
}

function normalise(x: Tensor, gain: Tensor): Tensor {
  const { mean, variance } = tf.moments(x, -1, true)
  return tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gain)
}

/** By tanh, as GPT-2 has it. */
const gelu = (x: Tensor) =>
  tf.mul(
    tf.mul(x, 0.5),
    tf.add(tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI))), 1),
  )

/** What tfjs's wasm backend lacks for the gradient of a gather, as anybody would write it. */
function registerPlainSegmentSum(): void {
  tf.registerKernel({
    ...{ kernelName: 'UnsortedSegmentSum', backendName: 'wasm' },
    kernelFunc({ inputs, attrs, backend: given }) {
      const backend = given as unknown as WasmBackend
      const { x, segmentIds } = inputs as Record<'x' | 'segmentIds', TensorInfo>
      const [rows, ...rest] = x.shape as [number, ...number[]]
      const size = rest.reduce((count, length) => count * length, 1)
      const output = backend.makeOutput([attrs!['numSegments'] as number, ...rest], 'float32')
      const [sums, values, segments] = [output, x, segmentIds].map((info) => backend.typedArrayFromHeap(info))
      sums!.fill(0)
      for (let row = 0; row < rows; row += 1)
        for (let column = 0; column < size; column += 1)
          sums![segments![row]! * size + column]! += values![row * size + column]!
      return output
    },
  })
}

interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: 'float32'): TensorInfo
  typedArrayFromHeap(info: TensorInfo): Float32Array | Int32Array
}

/** Items a second on the backend that is set; the weights are made anew each time, so that both begin alike. */
function measure({ items, shapes, inputs = {}, loss }: Work): number {
  const weights: Record<string, Variable> = {}
  for (const [name, shape] of Object.entries(shapes)) weights[name] = tf.tidy(() => tf.variable(noise(shape, 3, 0.05)))
  const given = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, noise(shape, 1)]))
  const optimizer = tf.train.adam(0.001)
  const step = () =>
    tf.tidy(
      () =>
        optimizer
          .minimize(() => loss({ ...given, ...weights }) as Scalar, true, Object.values(weights))!
          .dataSync()[0]!,
    )
  step()
  const startedMs = performance.now()
  for (let count = 0; count < stepsEach; count += 1) step()
  const seconds = (performance.now() - startedMs) / 1000
  tf.dispose([weights, given] as never)
  optimizer.dispose()
  return (items * stepsEach) / seconds
}

export async function rows(): Promise<readonly BenchRow[]> {
  const context = callContext()
  const ours = await openDevice('wasm', context)
  const js = await openDevice('js', context)
  // The host's own backend, which ours is a copy of with kernels added and put in place.
  await tf.setBackend('wasm')
  registerPlainSegmentSum()
  const peers = [
    { work: multilayer, peer: measure, peerName: 'tfjs wasm as it comes' },
    { work: decoder, peer: measure, peerName: 'tfjs wasm, a plain segment sum added' },
    // Conv2DBackpropFilter is missing in tfjs wasm.
    {
      work: convolutional,
      peer: (work: Work) => js.use(() => measure(work)),
      peerName: 'tfjs cpu: tfjs wasm cannot train it',
    },
  ]
  const measured: BenchRow[] = []
  for (const { work, peer, peerName } of peers) {
    const medians = await interleaved(
      pairs,
      () => Promise.resolve(ours.use(() => measure(work))),
      () => Promise.resolve(peer(work)),
    )
    const ratio = medians.ours / medians.peer
    measured.push({
      ...{ work: work.name, ...medians, peerName, unit: work.unit, ratio },
      ...{ goal: `at least ${work.goal}`, met: ratio >= work.goal, peakMemoryMb: peakMemoryMb() },
    })
  }
  return measured
}
