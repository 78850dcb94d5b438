import { type Json, type JsonObject, type Random, SheikhError } from '../../../core/index.js'
import type { LayersModel, Tfjs } from './load-tfjs.js'

/** The layers of a model and their connections in tfjs's configuration format: JSON, which runs no code. */
export type Topology = JsonObject & { readonly className: string; readonly config: JsonObject }

/**
 * The topology of a model that the host built. tfjs numbers names across all models of the process; here they are
 * numbered from 1 again, so that the same layers have the same names.
 *
 * @param isLabel a softmax at the end is removed, because the loss and the predictions apply it.
 * @throws `invalid-options` for what cannot be trained here, by name.
 */
export function topologyOf(model: LayersModel, isLabel: boolean): Topology {
  const config = JSON.parse(JSON.stringify(model.getConfig())) as JsonObject
  const topology = renamed({ className: model.getClassName(), config }) as Topology
  for (const part of partsOf(topology)) refuse(part)
  return isLabel ? withoutSoftmax(topology) : topology
}

/** Builds a new model of these layers. Dispose of its variables to free it. */
export function buildTopology(tf: Tfjs, topology: Topology): LayersModel {
  const built = topology.className === 'Sequential' ? tf.Sequential : tf.LayersModel
  // `fromConfig` modifies its argument.
  return built.fromConfig(built as never, structuredClone(topology.config) as never) as unknown as LayersModel
}

/** The same layers with all weights initialised to zero, which is fast to build. */
export const withZeros = (topology: Topology) =>
  withInitializers(topology, () => ({ className: 'Zeros', config: {} })) as Topology

const randomInitializers = new Set([
  ...['RandomUniform', 'RandomNormal', 'TruncatedNormal', 'VarianceScaling', 'Orthogonal'],
  ...['GlorotUniform', 'GlorotNormal', 'HeUniform', 'HeNormal', 'LeCunUniform', 'LeCunNormal'],
])

/** The same layers with a seed for each initializer: the host's, or a drawn one. */
export const withSeeds = (topology: Topology, random: Random) =>
  withInitializers(topology, ({ className, config }) => ({
    className,
    config:
      randomInitializers.has(className) && (config['seed'] ?? null) === null
        ? { ...config, seed: drawSeed(random) }
        : config,
  })) as Topology

/** tfjs treats a seed of 0 as no seed. */
export const drawSeed = (random: Random) => 1 + random.below(2 ** 31 - 1)

type Part = { readonly className: string; readonly config: JsonObject }

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isPart = (value: Json | undefined): value is Part & JsonObject =>
  isObject(value) && typeof value['className'] === 'string' && isObject(value['config'])

/** The value itself and everything inside it: layers, cells, initializers. */
function* partsOf(value: Json): Generator<Part> {
  if (isPart(value)) yield value
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* partsOf(inner)
}

function withInitializers(value: Json, change: (initializer: Part) => Part): Json {
  if (Array.isArray(value)) return value.map((inner) => withInitializers(inner, change))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key.endsWith('Initializer') && isPart(inner) ? change(inner) : withInitializers(inner, change),
    ]),
  )
}

/** Renumbers every name that tfjs generated, such as `dense_Dense7` or `input3`, from 1. */
function renamed(topology: Part & JsonObject): Json {
  const counts = new Map<string, number>()
  const names = new Map<string, string>()
  for (const { className, config } of partsOf(topology)) {
    const { name } = config
    const [, base = '', isInput = ''] = /^(.*?)\d+(_input)?$/.exec(String(name)) ?? []
    const isMade = base.endsWith(`_${className}`) || isInput !== '' || ['input', 'model', 'sequential_'].includes(base)
    if (!isMade || names.has(String(name))) continue
    const count = (counts.get(base + isInput) ?? 0) + 1
    counts.set(base + isInput, count)
    names.set(String(name), `${base}${count}${isInput}`)
  }
  const rename = (value: Json): Json => {
    if (typeof value === 'string') return names.get(value) ?? value
    if (Array.isArray(value)) return value.map(rename)
    if (!isObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rename(inner)]))
  }
  return rename(topology)
}

const withoutSeed = new Set(['GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'RandomWidth', 'RandomHeight'])

/** @throws `invalid-options` for anything that is not reproducible, or that would be silently ignored. */
function refuse({ className, config }: Part): void {
  const constraint = Object.keys(config).find((key) => key.endsWith('Constraint') && config[key] !== null)
  const masks = ['dropout', 'recurrentDropout'].find((key) => typeof config[key] === 'number' && config[key] > 0)
  const fact = withoutSeed.has(className)
    ? 'its random numbers cannot be seeded. Use dropout'
    : masks !== undefined
      ? `its ${masks} cannot be seeded. Use a separate dropout layer`
      : config['stateful'] === true
        ? 'it keeps state between batches (stateful). Turn that off'
        : constraint !== undefined
          ? `its ${constraint} would be ignored. Use a regularizer`
          : undefined
  if (fact === undefined) return
  throw new SheikhError(
    'invalid-options',
    `Cannot train the layer "${config['name'] ?? className}" (${className}): ${fact}.`,
    { facts: { layer: config['name'] ?? null, className } },
  )
}

function withoutSoftmax({ className, config }: Topology): Topology {
  const layers = (config['layers'] ?? []) as readonly (Part & JsonObject)[]
  const [output] = ((config['outputLayers'] ?? []) as readonly (readonly Json[])[])[0] ?? []
  const last = className === 'Sequential' ? layers.at(-1) : layers.find((layer) => layer.config['name'] === output)
  if (Array.isArray(last?.config['layers']))
    throw new SheikhError(
      'invalid-options',
      `Cannot train the model: its last layer "${last.config['name']}" is a model itself, whose last activation cannot be checked. Add its layers to the model directly.`,
    )
  const activation = last?.className === 'Softmax' ? 'softmax' : last?.config['activation']
  if (last?.className === 'Softmax' || activation === 'sigmoid')
    throw new SheikhError(
      'invalid-options',
      `Cannot train the layer "${last?.config['name']}": it returns probabilities by ${activation}, but the last layer must return a number for each label. Remove the activation.`,
    )
  if (activation !== 'softmax') return { className, config }
  const linear = (layer: Part & JsonObject) =>
    layer === last ? { ...layer, config: { ...layer.config, activation: 'linear' } } : layer
  return { className, config: { ...config, layers: layers.map(linear) } }
}
