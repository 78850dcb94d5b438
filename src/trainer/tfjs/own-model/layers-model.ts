import type { Scalar } from '@tensorflow/tfjs-core'
import { type JsonObject, messageOf, SheikhError } from '../../../core/index.js'
import type { TfjsModel, Weights } from '../tfjs-model.js'
import { lossAndGradientsOf } from './gradients.js'
import type { LayersModel, Tfjs, Whole } from './load-tfjs.js'
import { answers, type ModelOutput, type OutputKind, type OutputTargets } from './model-output.js'
import type { NumberExample } from './number-examples.js'
import { withQuickOrthogonal } from './orthogonal.js'
import { type OwnModelOptions, ownModel } from './own-model.js'
import { firstWeights, type Skeleton, skeletonOf, variablesOf } from './skeleton.js'
import { type Topology, topologyOf } from './topology.js'

export interface LayersModelOptions<I, K extends OutputKind> extends OwnModelOptions<I, K> {
  /**
   * Builds the layers, uncompiled: one input of a fixed shape, and one output with a number per label, or one number. A
   * softmax at the end is removed, because the loss and the predictions apply it.
   *
   * @param tf the package `@tensorflow/tfjs`.
   */
  readonly build: (tf: Tfjs, learned: { readonly labels: readonly string[] }) => LayersModel
}

/**
 * Trains a `LayersModel` of `@tensorflow/tfjs` on the mean cross-entropy for labels or the mean squared error for
 * numbers, plus the layers' regularizers. Initial weights and dropout are derived from the seed of the training. The
 * layers are released with the weights, so that a release predicts the same after `build` has changed.
 *
 * @throws `invalid-options`; from `fit` also for a layer that is not reproducible, by its name; `missing-peer`.
 */
export function layersModel<I, K extends OutputKind>(
  options: LayersModelOptions<I, K>,
): TfjsModel<I, OutputTargets[K], NumberExample> {
  const { build, answer: answerKind } = options
  const answer = answers[answerKind]
  const skeletons = new WeakMap<object, Skeleton>()
  const skeleton = (whole: Whole, config: JsonObject): Skeleton => {
    const known = skeletons.get(config)
    if (known !== undefined) return known
    const made = skeletonOf(whole, config['topology'] as Topology)
    skeletons.set(config, made)
    return made
  }
  const withPenalties = (loss: Scalar, penalties: readonly Scalar[], { tf }: Whole) =>
    penalties.reduce<Scalar>((sum, penalty) => tf.add(sum as never, penalty as never) as unknown as Scalar, loss)
  return ownModel('layers-model', options, {
    learn(whole, learned) {
      const labels = (learned['labels'] ?? []) as readonly string[]
      const topology = builtTopology(whole, () => build(whole.tf, { labels }), answer)
      const width = answer.width(learned)
      const { outputShape, learned: names } = rebuilt(whole, topology)
      if (outputShape.join() !== String(width))
        throw cannot(`its output has the shape [${outputShape.join(', ')}], but [${width}] is required`)
      if (names.length === 0) throw cannot('it has no trainable weights')
      return { topology }
    },
    check(whole, config) {
      const { outputShape } = skeleton(whole, config)
      if (outputShape.join() !== String(answer.width(config))) throw new Error('its output has another shape')
    },
    inputShape: (whole, config) => skeleton(whole, config).inputShape,
    shapes: (whole, config) => skeleton(whole, config).shapes,
    first: (whole, config, random) => firstWeights(whole, config['topology'] as Topology, random),
    isAlike: (base, config) => JSON.stringify(base['topology']) === JSON.stringify(config['topology']),

    step(whole, weights, { inputs, targets }, config, random) {
      const { tf } = whole
      const { learned, run } = skeleton(whole, config)
      let updates: Weights = {}
      const found = lossAndGradientsOf(
        tf as never,
        Object.fromEntries(learned.map((name) => [name, weights[name]!])),
        () => {
          const pass = run(weights, inputs, random)
          updates = pass.updates
          return withPenalties(answer.loss(tf as never, pass.outputs, targets), pass.penalties, whole)
        },
      )
      return { ...found, updates: released(whole, updates) }
    },
    loss(whole, weights, { inputs, targets }, config) {
      const { outputs, penalties } = skeleton(whole, config).run(weights, inputs)
      return withPenalties(answer.loss(whole.tf as never, outputs, targets), penalties, whole)
    },
    outputs: (whole, weights, inputs, config) => skeleton(whole, config).run(weights, inputs).outputs,
  })
}

/** The cached weights, as tensors that a tidy frees. */
function released({ tf }: Whole, kept: Weights): Weights {
  return Object.fromEntries(
    Object.entries(kept).map(([name, value]) => {
      const clone = tf.clone(value as never)
      value.dispose()
      return [name, clone as never]
    }),
  )
}

/** The host's model exists only temporarily. Only its configuration is kept. */
function builtTopology({ tf, reference }: Whole, build: () => LayersModel, answer: ModelOutput): Topology {
  return reference.use(() => {
    const model = withQuickOrthogonal(tf, () => tf.tidy(() => build() as never) as LayersModel)
    if (!(model instanceof tf.LayersModel)) throw cannot('"build" returned none')
    if ((model.outputs ?? []).length === 0) throw cannot('it has no layers')
    const variables = variablesOf(model)
    try {
      const { inputs, outputs } = model
      if (inputs.length !== 1 || outputs.length !== 1)
        throw cannot(`it has ${inputs.length} inputs and ${outputs.length} outputs, but must have one of each`)
      const [, ...shape] = inputs[0]!.shape
      if (shape.includes(null))
        throw cannot(`its input shape [${shape.join(', ')}] is not fixed. Pad inputs to one shape`)
      const odd = [...variables].find(([, { dtype }]) => dtype !== 'float32')
      if (odd !== undefined) throw cannot(`the weight "${odd[0]}" has the dtype ${odd[1].dtype}, not float32`)
      return topologyOf(model, answer.targets === 'labels')
    } finally {
      for (const variable of variables.values()) variable.dispose()
    }
  })
}

function rebuilt(whole: Whole, topology: Topology): Skeleton {
  try {
    return skeletonOf(whole, topology)
  } catch (error) {
    throw cannot(`its layers cannot be built from their configuration (${messageOf(error)})`, error)
  }
}

const cannot = (fact: string, cause?: unknown) =>
  new SheikhError('invalid-options', `Cannot train the LayersModel: ${fact}. Correct "build".`, { cause })
