import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { Random } from '../../../core/index.js'
import type { Weights } from '../tfjs-model.js'
import type { LayersModel, Tfjs, Whole } from './load-tfjs.js'
import { withQuickOrthogonal } from './orthogonal.js'
import { buildTopology, drawSeed, type Topology, withSeeds, withZeros } from './topology.js'

/** The layers of a model without weights. `run` supplies the weights. Owns no tfjs memory. */
export interface Skeleton {
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** Names of the trainable weights. Others are frozen, or are statistics of the data. */
  readonly learned: readonly string[]
  /** Shape of one example. */
  readonly inputShape: readonly number[]
  readonly outputShape: readonly (number | null)[]
  /** @param random for a training step. Without it, the pass is deterministic and averages are not updated. */
  run(weights: Weights, inputs: Tensor, random?: Random): Pass
}

export interface Pass {
  readonly outputs: Tensor
  /** Penalties of the layers' regularizers. */
  readonly penalties: readonly Scalar[]
  /** Updated weights, which the caller must dispose. */
  readonly updates: Weights
}

/** The relevant part of a tfjs layer variable. */
interface Variable {
  readonly originalName: string
  readonly dtype: string
  readonly shape: readonly number[]
  read: () => Tensor
  write: (value: Tensor) => unknown
  dispose(): void
}

export function skeletonOf({ tf, reference }: Whole, topology: Topology): Skeleton {
  const model = reference.use(() => tf.tidy(() => buildTopology(tf, withZeros(topology)) as never)) as LayersModel
  const byName = variablesOf(model)
  const nameOf = new Map([...byName].map(([name, variable]) => [variable, name]))
  let weights: Weights = {}
  let updates: Record<string, Tensor> = {}
  for (const [name, variable] of byName) {
    variable.dispose()
    variable.read = () => updates[name] ?? weights[name]!
    variable.write = (value) => {
      updates[name]?.dispose()
      updates[name] = tf.keep(value as never)
    }
  }
  const chances = [...layersOf(model)].filter((layer) => dropouts.has(layer.getClassName()))
  const [input, output] = [model.inputs[0]!, model.outputs[0]!]
  return {
    shapes: Object.fromEntries([...byName].map(([name, { shape }]) => [name, shape])),
    learned: (model.trainableWeights as unknown as Variable[]).map((variable) => nameOf.get(variable)!),
    inputShape: input.shape.slice(1) as number[],
    outputShape: output.shape.slice(1),
    run(given, inputs, random) {
      weights = given
      updates = {}
      try {
        // tfjs would use one seed, and therefore one mask, for all steps.
        if (random !== undefined) for (const layer of chances) (layer as { seed?: number }).seed = drawSeed(random)
        const outputs = model.apply(tf.cast(inputs as never, input.dtype), { training: random !== undefined })
        return {
          outputs: outputs as unknown as Tensor,
          penalties: model.calculateLosses() as unknown as Scalar[],
          updates,
        }
      } finally {
        weights = {}
        updates = {}
      }
    },
  }
}

/**
 * Draws initial weights by the kind of each initializer, from our own random source, so that they are the same on every
 * device.
 */
export function firstWeights(
  { tf, reference }: Whole,
  topology: Topology,
  random: Random,
): Readonly<Record<string, Float32Array>> {
  const draw = (label: string) =>
    reference.use(() => withQuickOrthogonal(tf, () => drawn(tf, withSeeds(topology, random.fork(label)))))
  const weights = draw('forward')
  // Both directions share one configuration, but must not start with equal weights.
  const backward = Object.keys(weights).filter((name) => name.includes('/backward_'))
  const others = backward.length === 0 ? {} : draw('backward')
  return { ...weights, ...Object.fromEntries(backward.map((name) => [name, others[name]!])) }
}

function drawn(tf: Tfjs, topology: Topology): Record<string, Float32Array> {
  const model = tf.tidy(() => buildTopology(tf, topology) as never) as LayersModel
  return Object.fromEntries(
    [...variablesOf(model)].map(([name, variable]) => {
      const values = Float32Array.from(variable.read().dataSync())
      variable.dispose()
      return [name, values]
    }),
  )
}

/** By the layer's name and the weight's own, `dense_Dense1/kernel`; repeated names are numbered. */
export function variablesOf(model: LayersModel): ReadonlyMap<string, Variable> {
  const byName = new Map<string, Variable>()
  for (const variable of new Set(model.weights as unknown as Variable[])) {
    const { originalName } = variable
    let name = originalName
    for (let count = 2; byName.has(name); count += 1) name = `${originalName}_${count}`
    byName.set(name, variable)
  }
  return byName
}

const dropouts = new Set(['Dropout', 'SpatialDropout1D'])

type Layer = LayersModel['layers'][number]

/** Includes layers inside models and wrappers. */
function* layersOf(container: object): Generator<Layer> {
  const { layers = [], layer } = container as { readonly layers?: readonly Layer[]; readonly layer?: Layer }
  for (const inner of layer === undefined ? layers : [layer]) {
    yield inner
    yield* layersOf(inner)
  }
}
