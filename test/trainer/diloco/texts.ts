// What the tests of a distributed training train, in this process and in others.
import { digestJson, seededRandom } from '../../../src/core/index.js'
import type { Rows } from '../../../src/model/index.js'
import { gradientModel, textClassifier, tfjsTrainer } from '../../../src/trainer/tfjs/index.js'

/** Texts of classes in sorted order: a word of the class among common words. @param shift of the labels, which makes them wrong. */
export function texts(count: number, seed = 'texts', shift = 0): Rows<string, string> {
  const random = seededRandom(seed)
  const rows = Array.from({ length: count }, (_, index) => {
    const number = Math.floor((index / count) * 5)
    const words = Array.from({ length: 6 }, () => `common${random.below(40)}`)
    return {
      id: `${index}`,
      input: `${words.join(' ')} topic${'abcde'[number]}`,
      target: `class ${(number + shift) % 5}`,
      slices: {},
    }
  })
  return {
    size: count,
    digest: digestJson({ count, seed, shift }),
    async *[Symbol.asyncIterator]() {
      yield* rows
    },
  }
}

const settings = { epochs: 8, batchSize: 8, buckets: 2 ** 10, characters: false } as const
export const classifier = (changes: Parameters<typeof textClassifier>[0] = {}) =>
  tfjsTrainer(textClassifier({ ...settings, ...changes }), { thread: 'caller', device: 'js' })

export const rounds = { replicas: 4, innerSteps: 5 } as const

/** Learns by AdamW, whose moments are kept from round to round. */
export const network = () =>
  tfjsTrainer(
    gradientModel<string, 'label'>({
      ...{ answer: 'label', version: '1', inputShape: [26], epochs: 8, batchSize: 8, learningRate: 0.02 },
      input: (text) =>
        Array.from({ length: 26 }, (_, letter) => Number(text.at(-1) === String.fromCharCode(97 + letter))),
      init: (tf, { labels, seed }) => ({
        inner: tf.randomNormal([26, 8], 0, 0.2, 'float32', seed()),
        outer: tf.randomNormal([8, labels.length], 0, 0.3, 'float32', seed()),
      }),
      predict: (tf, { inner, outer }, inputs) =>
        tf.matMul(tf.tanh(tf.matMul(inputs as never, inner as never)), outer as never),
    }),
    { thread: 'caller' },
  )
