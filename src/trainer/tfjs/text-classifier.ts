import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { type CallContext, type JsonObject, SheikhError } from '../../core/index.js'
import { type Rows, type TextFeatureSettings, type TextFeatures, textFeatures } from '../../model/index.js'
import type { TfjsCore } from './devices.js'
import { labelPredictions } from './label-predictions.js'
import { describeLoop, type LoopOptions, optionCheck, toLoopSettings } from './loop-options.js'
import { textClassifierOnnx } from './text-classifier-onnx.js'
import { textLearner } from './text-learner.js'
import { mostBaseWeights, type TextExample } from './text-rows.js'
import type { TfjsModel, Weights } from './tfjs-model.js'

export interface TextClassifierOptions extends LoopOptions {
  /** @default 6 */
  readonly epochs?: number | undefined
  /**
   * Number of texts per step, times `gradientAccumulation`. The weights change after each text; the learning rate, progress
   * and checkpoints are per step.
   *
   * @default 32
   */
  readonly batchSize?: number | undefined
  /** The highest learning rate, for the gradient of one text; `schedule` decides how it falls. @default 3 */
  readonly learningRate?: number | undefined
  /**
   * After each text, all weights shrink by the factor 1 − learning rate × `weightDecay`, which must be above 0. A decay
   * that is usual with AdamW, such as 0.01, is much too strong.
   *
   * @default 0
   */
  readonly weightDecay?: number | undefined
  /** Maximum norm of the gradient of one text. Larger gradients are scaled down to it. @default none */
  readonly maximumGradientNorm?: number | undefined
  /** Number of hash buckets, which features share: a power of two, 2⁸..2²². @default 2¹⁸ */
  readonly buckets?: number | undefined
  /** Maximum number of tokens per text. The rest of a text is ignored. @default 4,000 */
  readonly maximumTokens?: number | undefined
  /** Also uses pairs of neighbouring words. @default true */
  readonly bigrams?: boolean | undefined
  /** Also uses sequences of 3 and 4 characters within words, from the first 300 characters of a text. @default true */
  readonly characters?: boolean | undefined
}

/**
 * A linear classifier of hashed words, word pairs and sequences of characters: softmax regression, trained by stochastic
 * gradient descent on the cross-entropy. Small and fast, also with hundreds of labels, and its weights can be inspected.
 * `textFeatures` and `textLearner` describe the method with its sources. Releases of version 1, which had one row of weights
 * per bucket and no sequences of characters, still load and predict the same.
 *
 * @throws `invalid-options` for a number outside its range.
 */
export function textClassifier(options: TextClassifierOptions = {}): TfjsModel<string, string, TextExample> {
  const { buckets = 2 ** 18, maximumTokens = 4000, bigrams = true, characters = true } = options
  const check = optionCheck('a text classifier', 'TextClassifierOptions')
  const defaults = { epochs: 6, batchSize: 32, learningRate: 3, weightDecay: 0 }
  const loop = toLoopSettings(options, defaults, check)
  const { learningRate, weightDecay } = loop
  const tooMuch = `at the learning rate ${learningRate}, it must be below ${1 / learningRate}`
  check('weightDecay', weightDecay, learningRate * weightDecay < 1, tooMuch)
  check('buckets', buckets, isBuckets(buckets))
  check('maximumTokens', maximumTokens, Number.isSafeInteger(maximumTokens) && maximumTokens > 0)
  const features = { buckets, maximumTokens, bigrams, characters }
  const model: TfjsModel<string, string, TextExample> = {
    name: 'text-classifier',
    version: '2',
    targets: 'labels',
    loop,
    describe: () => ({ ...describeLoop(loop), ...features }),

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
      if (base['rows'] === undefined)
        throw new SheikhError(
          'invalid-options',
          'Cannot start from the base: version 1 of the text classifier made it, which had other features. Train from scratch.',
        )
      for (const [name, wanted] of Object.entries(features))
        if (base[name] !== wanted)
          throw new SheikhError(
            'invalid-options',
            `Cannot start from the base: its ${name} is ${base[name]}, but this classifier's is ${wanted}. Use the same value, or train from scratch.`,
            { facts: { option: name } },
          )
      // Weights that the base does not have start at zero.
      const [labels, known] = [labelsOf(config), labelsOf(base)]
      const count = weights['frequency']!.length * labels.length
      if (count > mostBaseWeights)
        throw new SheikhError(
          'invalid-options',
          `Cannot start from the base: with ${labels.length} labels it has ${count} weights, but the maximum is ${mostBaseWeights}. Train from scratch.`,
        )
      const columnOf = labels.map((label) => known.indexOf(label))
      const columns = (values: Float32Array) =>
        Float32Array.from({ length: (values.length / known.length) * labels.length }, (_, place) => {
          const column = columnOf[place % labels.length]!
          return column < 0 ? 0 : values[Math.floor(place / labels.length) * known.length + column]!
        })
      const { bias, weight, ...rows } = weights
      return { bias: columns(bias!), weight: columns(weight!), ...rows }
    },

    checkConfig(config) {
      const { labels, rows } = config
      if (isLabels(labels)) {
        const { buckets: count, maximumTokens: most, bigrams: pairs, characters: sequences } = config
        const isRead = Number.isSafeInteger(most) && (most as number) > 0 && typeof pairs === 'boolean'
        const isFirstVersion = rows === undefined && sequences === undefined
        const hasRows = Number.isSafeInteger(rows) && (rows as number) > 0 && (rows as number) <= 2 ** 22 + 1
        if (isBuckets(count) && isRead && (isFirstVersion || (hasRows && typeof sequences === 'boolean'))) return
      }
      throw new SheikhError(
        'artifact-corrupt',
        'Cannot load the weights: labels, buckets, maximumTokens, bigrams, characters or rows of their config.json are missing or wrong. Release them again.',
      )
    },
    checkWeights({ weights: { row, frequency } }) {
      // Negated, so that NaN is wrong.
      const wrong = row?.find((place) => !(Number.isInteger(place) && place >= 0 && place < frequency!.length))
      if (wrong === undefined) return
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot load the weights: "row" contains ${wrong}, but there are ${frequency!.length} rows. Release them again.`,
      )
    },
    shapes(config) {
      const { rows, buckets } = config as { readonly rows?: number; readonly buckets: number }
      const [count, labels] = [rows ?? buckets, labelsOf(config).length]
      return {
        ...{ bias: [labels], weight: [count, labels] },
        ...(rows !== undefined && { frequency: [rows], row: [buckets] }),
      }
    },
    labels: labelsOf,
    learner: (request, context) => textLearner(request, loop, context),
    released: (config, { frequency }) => ({ ...config, rows: frequency!.length }),

    outputs(tf, weights, inputs, config) {
      const settings = config as unknown as TextFeatureSettings
      const texts = inputs.map((input) => textFeatures(input, settings))
      const parts = inParts(texts, labelsOf(config).length).map((part) => tf.tidy(() => logitsOf(tf, weights, part)))
      return tf.softmax(tf.concat(parts)) // [texts, labels]
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

export function flatten(tf: TfjsCore, batch: readonly TextFeatures[]): Words {
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

/** Words × labels whose products are in memory at once: 16 MiB. */
const mostProducts = 2 ** 22

/** Successive texts, whose words × labels are at most `mostProducts` unless one text alone has more. */
function inParts(texts: readonly TextFeatures[], labels: number): readonly (readonly TextFeatures[])[] {
  const parts: TextFeatures[][] = [[]]
  let words = 0
  for (const text of texts) {
    words += text.indices.length
    if (words * labels > mostProducts && parts.at(-1)!.length > 0) {
      parts.push([])
      words = text.indices.length
    }
    parts.at(-1)!.push(text)
  }
  return parts
}

/** [texts, labels]. Weights of version 1 have a row per bucket, and features without factors. */
function logitsOf(tf: TfjsCore, { weight, bias, row, frequency }: Weights, batch: readonly TextFeatures[]): Tensor2D {
  const { texts, indices, values, owners } = flatten(tf, batch)
  const rows = row === undefined ? indices : (tf.cast(tf.gather(row, indices), 'int32') as Tensor1D)
  const factors = frequency === undefined ? values : tf.mul(values, tf.expandDims(tf.gather(frequency, rows), 1)) // [words, 1]
  const product = (first: number, count: number) =>
    tf.tidy(() => {
      const [own, times] = [tf.slice(rows, first, count), tf.slice(factors, [first, 0], [count, 1])]
      const weighted = tf.mul(tf.gather(weight!, own), times) // [words, labels]
      return tf.unsortedSegmentSum(weighted, tf.slice(owners, first, count) as Tensor1D, texts) // [texts, labels]
    })
  const atOnce = Math.max(1, Math.floor(mostProducts / bias!.size))
  let sums = product(0, Math.min(atOnce, indices.size))
  for (let first = atOnce; first < indices.size; first += atOnce)
    sums = tf.add(sums, product(first, Math.min(atOnce, indices.size - first)))
  if (frequency === undefined) return tf.add(sums, bias!)
  const squares = tf.unsortedSegmentSum(tf.square(factors), owners, texts) // [texts, 1]
  return tf.add(tf.div(sums, tf.sqrt(tf.maximum(squares, smallestSquare))), bias!)
}

/** A text without known features has no length to divide by. */
const smallestSquare = 1e-20

const labelsOf = (config: JsonObject) => config['labels'] as readonly string[]
const isLabels = (labels: unknown) =>
  Array.isArray(labels) &&
  labels.length >= 2 &&
  labels.every((label) => typeof label === 'string') &&
  new Set(labels).size === labels.length
const isBuckets = (count: unknown) =>
  typeof count === 'number' && count >= 2 ** 8 && count <= 2 ** 22 && Number.isInteger(Math.log2(count))

const invalidRow = (fact: string, facts: Readonly<Record<string, unknown>>) =>
  new SheikhError('dataset-invalid', `Cannot train a text classifier: ${fact}. Correct the samples.`, { facts })
