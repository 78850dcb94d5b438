import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { type JsonObject, type Random, SheikhError, seededRandom } from '../../../core/index.js'
import { optionCheck } from '../loop-options.js'
import type { TfjsModel, Weights } from '../tfjs-model.js'
import { lossAndGradientsOf } from './gradients.js'
import type { Tfjs, Whole } from './load-tfjs.js'
import { answers, type OutputKind, type OutputTargets } from './model-output.js'
import type { NumberExample } from './number-examples.js'
import { type OwnBatch, type OwnModelOptions, ownModel } from './own-model.js'
import { drawSeed } from './topology.js'

/** Returns a seed for one random draw, derived from the seed of the training. Every call returns a different one. */
export type NextSeed = () => number

export interface GradientModelOptions<I, K extends OutputKind> extends OwnModelOptions<I, K> {
  /** Shape of one example. `input` must return as many numbers. */
  readonly inputShape: readonly number[]
  /** Returns the initial weights by name, all float32: `tf.randomNormal([4, 2], 0, 0.1, 'float32', seed())`. */
  readonly init: (tf: Tfjs, chance: { readonly labels: readonly string[]; readonly seed: NextSeed }) => Weights
  /**
   * Returns outputs of the shape [inputs, labels], or [inputs, 1] for numbers. @param inputs [inputs, ...inputShape].
   */
  readonly predict: (tf: Tfjs, weights: Weights, inputs: Tensor) => Tensor
  /**
   * Returns a scalar: the mean loss over the batch's examples.
   *
   * @param batch `seed` is set only in training, so that the loss for early stopping is deterministic.
   * @default from `predict`: the softmax cross-entropy for labels, the mean squared error for numbers
   */
  readonly loss?:
    | ((tf: Tfjs, weights: Weights, batch: OwnBatch & { readonly seed?: NextSeed | undefined }) => Scalar)
    | undefined
}

/**
 * Defines a model by two functions, `init` and `predict`, and optionally `loss`. tfjs computes the gradients. The
 * functions are synchronous, and their tensors are freed.
 *
 * @throws `invalid-options`; from `fit` also for a weight that the loss does not depend on, or that is initialised
 * randomly without a seed; `missing-peer`.
 */
export function gradientModel<I, K extends OutputKind>(
  options: GradientModelOptions<I, K>,
): TfjsModel<I, OutputTargets[K], NumberExample> {
  const { inputShape, init, predict, answer: answerKind } = options
  const answer = answers[answerKind]
  const isShape = inputShape.length > 0 && inputShape.every((length) => Number.isSafeInteger(length) && length > 0)
  optionCheck('a model of your own', 'GradientModelOptions')('inputShape', inputShape, isShape)
  const first = ({ tf, reference }: Whole, config: JsonObject, random: Random): readonly Drawn[] =>
    reference.use(() => {
      const chance = { labels: labelsOf(config), seed: seedsOf(random) }
      const made = tf.tidy(() => ({ ...init(tf, chance) }) as never) as Weights
      const drawn = Object.entries(made).map(([name, weight]) => {
        if (weight.dtype !== 'float32') throw cannot(`its weight "${name}" has the dtype ${weight.dtype}, not float32`)
        return { name, shape: weight.shape, values: Float32Array.from(weight.dataSync()) }
      })
      tf.dispose(made as never)
      if (drawn.length === 0) throw cannot('"init" returned no weights')
      return drawn
    })
  const known = new WeakMap<object, Readonly<Record<string, readonly number[]>>>()
  const shapes = (whole: Whole, config: JsonObject) => {
    const found = known.get(config) ?? entriesOf(first(whole, config, seededRandom(0)), ({ shape }) => shape)
    known.set(config, found)
    return found
  }
  const outputs = (tf: Tfjs, weights: Weights, inputs: Tensor, config: JsonObject) => {
    const found = predict(tf, weights, inputs)
    const wanted = [inputs.shape[0]!, answer.width(config)]
    if (found.shape.join() === wanted.join()) return found
    throw cannot(`"predict" returns the shape [${found.shape.join(', ')}] for these inputs, not [${wanted.join(', ')}]`)
  }
  const loss = ({ tf }: Whole, weights: Weights, batch: OwnBatch, config: JsonObject, random?: Random): Scalar => {
    if (options.loss !== undefined) return options.loss(tf, weights, { ...batch, seed: random && seedsOf(random) })
    return answer.loss(tf as never, outputs(tf, weights, batch.inputs, config), batch.targets)
  }
  return ownModel('gradient-model', options, {
    learn: () => ({ inputShape }),
    check(_, config) {
      if (String(config['inputShape']) !== inputShape.join()) throw new Error('its inputs have another shape')
    },
    inputShape: () => inputShape,
    shapes,
    first: (whole, config, random) => entriesOf(first(whole, config, random), ({ values }) => values),
    step: (whole, weights, batch, config, random) =>
      lossAndGradientsOf(whole.tf as never, weights, () => loss(whole, weights, batch, config, random)),
    loss,
    outputs: ({ tf }, weights, inputs, config) => outputs(tf, weights, inputs, config),
  })
}

interface Drawn {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const entriesOf = <Value>(drawn: readonly Drawn[], of: (weight: Drawn) => Value): Readonly<Record<string, Value>> =>
  Object.fromEntries(drawn.map((weight) => [weight.name, of(weight)]))

const cannot = (fact: string) => new SheikhError('invalid-options', `Cannot train the model: ${fact}. Correct it.`)

const labelsOf = (config: JsonObject) => (config['labels'] ?? []) as readonly string[]
const seedsOf =
  (random: Random): NextSeed =>
  () =>
    drawSeed(random)
