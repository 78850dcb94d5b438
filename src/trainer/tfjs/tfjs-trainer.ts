import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '@tensorflow/tfjs-core'
import { type CallContext, type JsonObject, SheikhError } from '../../core/index.js'
import {
  float32Of,
  type Model,
  type Prediction,
  readSafetensors,
  readWeightsDirectory,
  tensorOfFloat32,
  writeSafetensors,
} from '../../model/index.js'
import { writeFileAtomic } from '../../store/index.js'
import type { Trainer } from '../trainer.js'
import { type CheckpointOptions, checkCheckpointOptions } from './checkpoints.js'
import { type Device, type DeviceName, openDevice, valuesOf } from './devices.js'
import { loopCheckpoints, madeBy, recordOf } from './fit-record.js'
import type { TfjsModel, Weights } from './tfjs-model.js'
import { trainLoop } from './train-loop.js'

export interface TfjsTrainerOptions {
  /** `auto`: the best that works here, in a fixed order. @default 'wasm' */
  readonly device?: DeviceName | 'auto' | undefined
  /**
   * When checkpoints are written, where the pipeline's store keeps them; an aborted training writes one more. `false`: never.
   *
   * @default every 300 seconds, the last two
   */
  readonly checkpoints?: CheckpointOptions | false | undefined
}

const inputsAtOnce = 64

/**
 * Trains a model with tfjs, from scratch, on the caller's thread: the loop yields often, and checks the signal at every step.
 * The same rows, seed, package versions and device fingerprint give the same bytes, also where a training was killed and
 * goes on from a checkpoint.
 *
 * @throws `invalid-options` for `checkpoints` that are out of range; from `fit`: `train-diverged`, `dataset-invalid`, `device-unavailable`; from `load`: `artifact-corrupt`.
 */
export function tfjsTrainer<I, T, Example>(
  model: TfjsModel<I, T, Example>,
  { device: deviceName = 'wasm', checkpoints = {} }: TfjsTrainerOptions = {},
): Trainer<I, T> {
  if (checkpoints !== false) checkCheckpointOptions(checkpoints)
  const described = {
    contract: 1,
    name: `tfjs-${model.name}`,
    version: model.version === undefined ? undefined : '1',
    describe: () => ({
      model: model.name,
      modelVersion: model.version ?? null,
      device: deviceName,
      options: model.describe(),
    }),
  } as const
  const environment = async (context: CallContext) => {
    const { packages, fingerprint } = await openDevice(deviceName, context)
    return { packages, device: fingerprint }
  }
  return {
    ...described,
    targets: model.targets,
    environment,

    async fit(request, context) {
      const { training, seed, directory } = request
      const device = await openDevice(deviceName, context)
      // Without a need for them they are neither read nor in the record.
      const watched = model.loop.earlyStopping === undefined ? undefined : request.development
      const made = madeBy(described, request, await environment(context), watched)
      const { config, examples } = await model.learn(training, context)
      const development = watched && (await model.examples?.(watched, config, context))
      const { weights, ...trained } = await trainLoop(
        device,
        model as TfjsModel<never, never, Example>,
        { config, examples, development, seed, checkpoints: loopCheckpoints(made, request.checkpoints, checkpoints) },
        context,
      )
      const shapes = model.shapes(config)
      const tensors = Object.entries(weights).map(([name, values]) => tensorOfFloat32(name, shapes[name]!, values))
      await writeSafetensors(join(directory, weightsFile), tensors, {}, context)
      await writeFileAtomic(
        join(directory, configFile),
        `${JSON.stringify({ architecture: model.name, formatVersion: 1, ...config }, null, 2)}\n`,
      )
      return {
        weights: await readWeightsDirectory(directory, context),
        record: recordOf(made, trained),
      }
    },

    async load(weights, context) {
      const device = await openDevice(deviceName, context)
      const config = await readConfig(join(weights.path, configFile), model.name)
      model.checkConfig(config)
      const tensors = await readTensors(device, join(weights.path, weightsFile), model.shapes(config), context)
      return loadedModel(device, model, config, tensors, weights.digest)
    },
  }
}

const configFile = 'config.json'
const weightsFile = 'model.safetensors'

function loadedModel<I, T, Example>(
  device: Device,
  model: TfjsModel<I, T, Example>,
  config: JsonObject,
  weights: Weights,
  digest: Model['digest'],
): Model<I> {
  return {
    digest,
    labels: model.labels?.(config),
    async predict(inputs, context) {
      const predictions: Prediction[] = []
      for (let first = 0; first < inputs.length; first += inputsAtOnce) {
        context.signal.throwIfAborted()
        const batch = inputs.slice(first, first + inputsAtOnce)
        const outputs = device.use(() => device.tf.tidy(() => model.outputs(device.tf, weights, batch, config)))
        predictions.push(...model.predictions(await valuesOf(outputs), config))
      }
      return predictions
    },
    async [Symbol.asyncDispose]() {
      device.use(() => device.tf.dispose(weights as never))
    },
  }
}

async function readConfig(path: string, architecture: string): Promise<JsonObject> {
  let config: unknown
  try {
    config = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw corrupt(`"${path}" cannot be read as JSON`, error)
  }
  if (typeof config !== 'object' || config === null) throw corrupt(`"${path}" is not an object`)
  const found = (config as JsonObject)['architecture']
  if (found !== architecture)
    throw corrupt(`their architecture is ${JSON.stringify(found)}, and this trainer's is "${architecture}"`)
  return config as JsonObject
}

async function readTensors(
  device: Device,
  path: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  context: CallContext,
): Promise<Weights> {
  const { tensors } = await readSafetensors(path, context)
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const values = Object.entries(shapes).map(([name, shape]) => {
    const tensor = byName.get(name)
    if (tensor?.dtype !== 'F32' || tensor.shape.join() !== shape.join())
      throw corrupt(`"${name}" is not a float32 tensor of the shape [${shape.join(', ')}]`)
    return [name, float32Of(tensor), shape] as const
  })
  return device.use(() =>
    Object.fromEntries(
      values.map(([name, data, shape]): [string, Tensor] => [name, device.tf.tensor(data, [...shape])]),
    ),
  )
}

const corrupt = (fact: string, cause?: unknown) =>
  new SheikhError('artifact-corrupt', `Cannot load the weights: ${fact}. Load them with the trainer that made them.`, {
    cause,
  })
