// The module of the workers of the bench of distributed training, and what they train.
import { seededRandom } from '../src/core/index.js'
import type { Rows } from '../src/model/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { dilocoKind, gradientModel, tfjsTrainer } from '../src/trainer/tfjs/index.js'

/** A perceptron of two hidden layers; the loss is the cross-entropy of 20 classes. */
export const perceptron = (
  [inputs, hidden]: readonly [inputs: number, hidden: number],
  loop: { readonly epochs?: number; readonly maximumSteps?: number; readonly batchSize: number },
) =>
  tfjsTrainer(
    gradientModel<readonly number[], 'label'>({
      ...{ answer: 'label', version: '1', inputShape: [inputs], learningRate: 0.002, ...loop },
      input: (x) => x,
      init: (tf, { labels, seed }) => {
        const normal = (rows: number, columns: number) =>
          tf.randomNormal([rows, columns], 0, Math.sqrt(1 / rows), 'float32', seed())
        return { a: normal(inputs, hidden), b: normal(hidden, hidden), c: normal(hidden, labels.length) }
      },
      predict: (tf, weights, x) => outputs(tf as never, weights as never, x as never),
      loss: (tf, weights, { inputs: x, targets }) =>
        tf.losses.softmaxCrossEntropy(targets as never, outputs(tf as never, weights as never, x as never)) as never,
    }),
    { thread: 'caller' },
  )

type Product = (left: unknown, right: unknown) => unknown
const outputs = (
  tf: { readonly matMul: Product; readonly relu: (x: unknown) => unknown },
  { a, b, c }: { readonly a: unknown; readonly b: unknown; readonly c: unknown },
  x: unknown,
) => tf.matMul(tf.relu(tf.matMul(tf.relu(tf.matMul(x, a)), b)), c) as never

/** Inputs by chance, of 20 classes that a random network of one hidden layer tells apart. */
export function drawn(inputs: number, count: number): readonly { readonly input: number[]; readonly target: string }[] {
  const random = seededRandom('teacher')
  const [hidden, classes] = [24, 20]
  const first = Array.from({ length: hidden * inputs }, () => (2 * random.normal()) / Math.sqrt(inputs))
  const second = Array.from({ length: classes * hidden }, () => random.normal())
  const product = (weights: readonly number[], x: readonly number[], row: number) =>
    x.reduce((sum, value, column) => sum + value * weights[row * x.length + column]!, 0)
  return Array.from({ length: count }, () => {
    const input = Array.from({ length: inputs }, () => random.normal())
    const features = Array.from({ length: hidden }, (_, row) => Math.tanh(product(first, input, row)))
    const scores = Array.from({ length: classes }, (_, row) => product(second, features, row))
    return { input, target: `class ${scores.indexOf(Math.max(...scores))}` }
  })
}

export const rowsOf = <I>(items: readonly { readonly input: I; readonly target: string }[]): Rows<I, string> => ({
  ...{ size: items.length, digest: `sha256:${'0'.repeat(64)}` },
  async *[Symbol.asyncIterator]() {
    for (const [index, item] of items.entries()) yield { id: `${index}`, slices: {}, ...item }
  },
})

export const timedSteps = 240

/** About 0.4 million weights, so that steps decide the time. */
export const timed = perceptron([256, 512], { maximumSteps: timedSteps, batchSize: 64 })

export const worker = ({ folder }: { readonly folder: string }) => ({
  store: directoryStore(folder),
  kinds: [dilocoKind(timed)],
})
