import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { type CallContext, type JsonObject, SheikhError } from '../../core/index.js'
import { type Rows, type TextFeatureSettings, type TextFeatures, textFeatures } from '../../model/index.js'
import { crossEntropy } from './cross-entropy.js'
import type { TfjsCore } from './devices.js'
import { labelPredictions } from './label-predictions.js'
import { describeLoop, type LoopOptions, optionCheck, toLoopSettings } from './loop-options.js'
import { textClassifierOnnx } from './text-classifier-onnx.js'
import type { TfjsModel } from './tfjs-model.js'

export interface TextClassifierOptions extends LoopOptions {
  /** @default 6 */
  readonly epochs?: number | undefined
  /** Number of texts per batch. @default 32 */
  readonly batchSize?: number | undefined
  /** The highest learning rate; `schedule` decides how it falls. @default 0.02 */
  readonly learningRate?: number | undefined
  /** @default 0.01 */
  readonly weightDecay?: number | undefined
  /** Maximum norm of all gradients together. Larger gradients are scaled down to it. @default none */
  readonly maximumGradientNorm?: number | undefined
  /** Number of hash buckets, which words share: a power of two, 2⁸..2²². @default 2¹⁷ */
  readonly buckets?: number | undefined
  /** Maximum number of tokens per text. The rest of a text is ignored. @default 4,000 */
  readonly maximumTokens?: number | undefined
  /** Also uses pairs of neighbouring words. @default true */
  readonly bigrams?: boolean | undefined
}

export interface TextExample extends TextFeatures {
  readonly label: string
}

/**
 * A linear classifier of hashed words and word pairs: softmax regression, trained on the mean cross-entropy. Small and
 * fast, hard to beat on texts of more than a few words, and its weights can be inspected.
 *
 * @throws `invalid-options` for a number outside its range.
 */
export function textClassifier(options: TextClassifierOptions = {}): TfjsModel<string, string, TextExample> {
  const { buckets = 2 ** 17, maximumTokens = 4000, bigrams = true } = options
  const check = optionCheck('a text classifier', 'TextClassifierOptions')
  const defaults = { epochs: 6, batchSize: 32, learningRate: 0.02, weightDecay: 0.01 }
  const loop = toLoopSettings(options, defaults, check)
  check('buckets', buckets, isBuckets(buckets))
  check('maximumTokens', maximumTokens, Number.isSafeInteger(maximumTokens) && maximumTokens > 0)
  const features: TextFeatureSettings = { buckets, maximumTokens, bigrams }
  const model: TfjsModel<string, string, TextExample> = {
    name: 'text-classifier',
    version: '1',
    targets: 'labels',
    loop,
    describe: () => ({ ...describeLoop(loop), ...(features as unknown as JsonObject) }),

    async learn(rows, keep, context, base) {
      const found = new Set(base === undefined ? [] : labelsOf(base))
      let count = 0
      await readTexts(rows, features, context, (example) => {
        found.add(example.label)
        count += 1
        return keep(example)
      })
      const labels = [...found].sort()
      if (count === 0 || labels.length < 2)
        throw invalidRow(count === 0 ? 'there are no rows' : `all rows have the label "${labels[0]}"`, { labels })
      return { labels, ...features }
    },

    async examples(rows, config, keep, context) {
      const known = new Set(labelsOf(config))
      await readTexts(rows, features, context, (example) => (known.has(example.label) ? keep(example) : undefined))
    },

    startFrom({ config: base, weights }, config) {
      for (const [name, wanted] of Object.entries(features))
        if (base[name] !== wanted)
          throw new SheikhError(
            'invalid-options',
            `Cannot start from the base: its ${name} is ${base[name]}, but this classifier's is ${wanted}. Use the same value, or train from scratch.`,
            { facts: { option: name } },
          )
      // Weights that the base does not have start at zero.
      const [labels, known] = [labelsOf(config), labelsOf(base)]
      const columns = (values: Float32Array) =>
        Float32Array.from({ length: (values.length / known.length) * labels.length }, (_, place) => {
          const column = known.indexOf(labels[place % labels.length]!)
          return column < 0 ? 0 : values[Math.floor(place / labels.length) * known.length + column]!
        })
      return { bias: columns(weights['bias']!), weight: columns(weights['weight']!) }
    },

    checkConfig(config) {
      const { labels } = config
      if (Array.isArray(labels) && labels.length >= 2 && labels.every((label) => typeof label === 'string')) {
        const { buckets: count, maximumTokens: most, bigrams: pairs } = config
        if (isBuckets(count) && Number.isSafeInteger(most) && (most as number) > 0 && typeof pairs === 'boolean') return
      }
      throw new SheikhError(
        'artifact-corrupt',
        'Cannot load the weights: their config.json lacks labels, buckets, maximumTokens or bigrams. Release them again.',
      )
    },
    shapes: (config) => ({
      bias: [labelsOf(config).length],
      weight: [config['buckets'] as number, labelsOf(config).length],
    }),
    labels: labelsOf,
    // Zeros: softmax regression is convex, so there is no symmetry to break.
    init: (tf, config) => ({
      bias: tf.zeros([labelsOf(config).length]),
      weight: tf.zeros([buckets, labelsOf(config).length]),
    }),

    lossAndGradients(tf, { weight, bias }, batch, config) {
      const words = flatten(tf, batch)
      const labels = labelsOf(config)
      const logits = logitsOf(tf, weight as Tensor2D, bias as Tensor1D, words) // [batch, labels]
      const targets = Int32Array.from(batch, ({ label }) => labels.indexOf(label))
      const found = crossEntropy(tf, logits as Tensor2D, targets)
      const errors = tf.div(found.errors, batch.length) // [batch, labels]
      const byWord = tf.mul(tf.gather(errors, words.owners), words.values) // [words of all texts, labels]
      return {
        loss: tf.mean(found.losses),
        gradients: { bias: tf.sum(errors, 0), weight: tf.unsortedSegmentSum(byWord, words.indices, buckets) },
      }
    },

    outputs(tf, { weight, bias }, inputs, config) {
      const settings = config as unknown as TextFeatureSettings
      const words = flatten(
        tf,
        inputs.map((input) => textFeatures(input, settings)),
      )
      const logits = logitsOf(tf, weight as Tensor2D, bias as Tensor1D, words)
      return tf.softmax(logits) // [texts, labels]
    },
    predictions: (outputs, config) => labelPredictions(outputs, labelsOf(config)),
    onnx: textClassifierOnnx,
  }
  // Not enumerable: a spread of this model is a different model, which no thread could build.
  return Object.defineProperty(model, 'module', { value: { builtIn: 'text-classifier', options }, enumerable: false })
}

async function readTexts(
  rows: Rows<string, string>,
  settings: TextFeatureSettings,
  { signal }: CallContext,
  keep: (example: TextExample) => Promise<void> | undefined,
): Promise<void> {
  for await (const { id, input, target } of rows) {
    signal.throwIfAborted()
    if (typeof input !== 'string' || typeof target !== 'string')
      throw invalidRow(`the ${typeof input === 'string' ? 'target' : 'input'} of the row "${id}" is not text`, { id })
    await keep({ ...textFeatures(input, settings), label: target })
  }
}

/** The words of all texts in a batch. */
interface Words {
  readonly texts: number
  /** Buckets: [words]. */
  readonly indices: Tensor1D
  /** [words, 1]. */
  readonly values: Tensor2D
  /** Index of the text that each word belongs to: [words]. */
  readonly owners: Tensor1D
}

function flatten(tf: TfjsCore, batch: readonly TextFeatures[]): Words {
  const total = batch.reduce((sum, { indices }) => sum + indices.length, 0)
  const indices = new Int32Array(total)
  const values = new Float32Array(total)
  const owners = new Int32Array(total)
  let offset = 0
  for (const [owner, example] of batch.entries()) {
    indices.set(example.indices, offset)
    values.set(example.values, offset)
    owners.fill(owner, offset, offset + example.indices.length)
    offset += example.indices.length
  }
  return {
    texts: batch.length,
    indices: tf.tensor1d(indices, 'int32'),
    values: tf.tensor2d(values, [total, 1]),
    owners: tf.tensor1d(owners, 'int32'),
  }
}

function logitsOf(tf: TfjsCore, weight: Tensor2D, bias: Tensor1D, { texts, indices, values, owners }: Words) {
  const weighted = tf.mul(tf.gather(weight, indices), values) // [words, labels]
  return tf.add(tf.unsortedSegmentSum(weighted, owners, texts), bias) // [texts, labels]
}

const labelsOf = (config: JsonObject) => config['labels'] as readonly string[]
const isBuckets = (count: unknown) =>
  typeof count === 'number' && count >= 2 ** 8 && count <= 2 ** 22 && Number.isInteger(Math.log2(count))

const invalidRow = (fact: string, facts: Readonly<Record<string, unknown>>) =>
  new SheikhError('dataset-invalid', `Cannot train a text classifier: ${fact}. Correct the samples.`, { facts })
