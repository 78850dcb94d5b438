import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '@tensorflow/tfjs-core'
import { type CallContext, canonicalJson, type JsonObject, SheikhError } from '../../core/index.js'
import {
  float32Of,
  type Model,
  type Prediction,
  readSafetensors,
  readWeightsDirectory,
  tensorOfFloat32,
  type WeightsDirectory,
  writeSafetensors,
} from '../../model/index.js'
import { writeFileAtomic } from '../../store/index.js'
import type { Trainer } from '../trainer.js'
import { type CheckpointOptions, checkCheckpointOptions } from './checkpoints.js'
import { type Device, type DeviceName, deviceEnvironment, openDevice, valuesOf } from './devices.js'
import { loopCheckpoints, madeBy, recordOf } from './fit-record.js'
import type { BaseWeights, TfjsModel, Weights } from './tfjs-model.js'
import { loadInThread } from './thread/model-thread.js'
import { registerParts, type TrainerParts } from './trainer-parts.js'
import {
  feed,
  openTraining,
  predictsInThread,
  type ThreadChoice,
  type Trainee,
  threadWorkOf,
  traineeOf,
} from './training.js'

export interface TfjsTrainerOptions {
  /** `auto`: the best device that works on this machine, in a fixed order. @default 'wasm' */
  readonly device?: DeviceName | 'auto' | undefined
  /**
   * When checkpoints are written, if the pipeline's store supports them. An aborted training writes one more. `false`:
   * never.
   *
   * @default every 300 seconds, keeping the last two
   */
  readonly checkpoints?: CheckpointOptions | false | undefined
  /**
   * Where training runs. `own`: in a separate thread, so that the caller's event loop stays free. Does not affect the
   * result. `caller` also keeps loaded models on the caller's thread.
   *
   * @default 'own' on `wasm` and `js` for a model with a `module`, otherwise 'caller'
   */
  readonly thread?: ThreadChoice | undefined
  /**
   * Further formats that the released weights are written in, beside safetensors. `onnx`: the file `model.onnx`, for a
   * model that has `onnx`. The files are made from the trained weights before the gate judges them, and are part of the
   * release. @default none
   */
  readonly export?: readonly 'onnx'[] | undefined
}

const inputsAtOnce = 64

/**
 * Trains a model with tfjs, from scratch or from a release that the request names. Checks the signal at every step. The
 * same rows, seed, package versions and device fingerprint give identical results, even if the training was interrupted
 * and resumed from a checkpoint.
 *
 * @throws `invalid-options` for `checkpoints` that are out of range, or an impossible `thread`; from `fit`:
 * `train-diverged`, `dataset-invalid`, `device-unavailable`; from `load`: `artifact-corrupt`.
 */
export function tfjsTrainer<I, T, Example>(
  model: TfjsModel<I, T, Example>,
  { device: deviceName = 'wasm', checkpoints = {}, thread, export: formats = [] }: TfjsTrainerOptions = {},
): Trainer<I, T> {
  if (checkpoints !== false) checkCheckpointOptions(checkpoints)
  if (thread === 'own' && model.module === undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot train the model "${model.name}" in a separate thread: it has no "module". Add a "module", or choose thread: 'caller'.`,
    )
  for (const format of formats)
    if (format !== 'onnx' || model.onnx === undefined)
      throw new SheikhError(
        'invalid-options',
        `Cannot export the model "${model.name}" as ${JSON.stringify(format)}: ${format === 'onnx' ? 'it has no "onnx"' : 'the only format is "onnx"'}. Leave out "export"${format === 'onnx' ? ', or add an "onnx" to the model' : ''}.`,
      )
  const described = {
    contract: 1,
    name: `tfjs-${model.name}`,
    version: model.version === undefined ? undefined : '1',
    describe: () => ({
      model: model.name,
      modelVersion: model.version ?? null,
      device: deviceName,
      options: model.describe(),
      ...(formats.length > 0 && { export: [...new Set(formats)] }),
    }),
  } as const
  const environment = async (context: CallContext) => {
    const { packages, fingerprint } = await deviceEnvironment(deviceName, context)
    return { packages: { ...packages, ...(await model.prepare?.()) }, device: fingerprint }
  }
  const fitAs: TrainerParts<I, T>['fit'] = async (request, context, { described, open }) => {
    const { training: rows, seed, directory } = request
    const device = await openDevice(deviceName, context)
    // Without early stopping they are neither read nor recorded.
    const watched = model.loop.earlyStopping === undefined ? undefined : request.development
    const made = madeBy(described, request, await environment(context), watched)
    const base = request.base && (await readBase(model, request.base, context))
    await using training = await open(traineeOf(model, device, thread), device, directory, context, null)
    const learned = await feed(training, 'training', context, (keep) => model.learn(rows, keep, context, base?.config))
    if (watched !== undefined && model.examples !== undefined)
      await feed(training, 'development', context, (keep) => model.examples!(watched, learned, keep, context))
    const { weights, ...trained } = await training.train(
      {
        ...{ config: learned, seed, checkpoints: loopCheckpoints(made, request, checkpoints) },
        ...(base && { start: startOf(model, base, learned) }),
      },
      context,
    )
    const config = model.released?.(learned, weights) ?? learned
    const shapes = model.shapes(config)
    const tensors = Object.entries(weights).map(([name, values]) => tensorOfFloat32(name, shapes[name]!, values))
    await writeSafetensors(join(directory, weightsFile), tensors, {}, context)
    await writeFileAtomic(
      join(directory, configFile),
      `${JSON.stringify({ architecture: model.name, formatVersion: 1, ...config }, null, 2)}\n`,
    )
    if (formats.includes('onnx')) await writeFileAtomic(join(directory, onnxFile), model.onnx!(config, weights))
    return {
      weights: await readWeightsDirectory(directory, context),
      record: recordOf(made, trained),
    }
  }
  const trainer: Trainer<I, T> = {
    ...described,
    targets: model.targets,
    weightsFormat: 'safetensors',
    warmStart: true,
    environment,
    fit: (request, context) => fitAs(request, context, { described, open: openTraining }),

    async load(weights, context) {
      const work = threadWorkOf(model)
      if (work !== undefined && (await predictsInThread(deviceName, thread, context)))
        return loadInThread(work, deviceName, weights, context)
      const device = await openDevice(deviceName, context)
      await model.prepare?.()
      const { config, weights: values } = await readBase(model, weights, context)
      const shapes = model.shapes(config)
      const tensors = device.use(() =>
        Object.fromEntries(
          Object.entries(shapes).map(([name, shape]): [string, Tensor] => [
            name,
            device.tf.tensor(values[name]!, [...shape]),
          ]),
        ),
      )
      return loadedModel(device, model, config, tensors, weights.digest)
    },
  }
  return registerParts(trainer, {
    ...{ device: deviceName, loop: model.loop, fit: fitAs },
    trainee: (_plain, device) => traineeOf(model, device, thread) as Trainee<unknown>,
  })
}

const configFile = 'config.json'
const weightsFile = 'model.safetensors'
const onnxFile = 'model.onnx'

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
      const { evaluationBatchSize: atOnce = inputsAtOnce } = model.loop
      for (let first = 0; first < inputs.length; first += atOnce) {
        context.signal.throwIfAborted()
        const batch = inputs.slice(first, first + atOnce)
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
    throw corrupt(`their architecture is ${JSON.stringify(found)}, but this trainer's is "${architecture}"`)
  return config as JsonObject
}

/** @throws `artifact-corrupt` if this model did not write them. */
async function readBase<I, T, Example>(
  model: TfjsModel<I, T, Example>,
  { path }: WeightsDirectory,
  context: CallContext,
): Promise<BaseWeights> {
  const config = await readConfig(join(path, configFile), model.name)
  model.checkConfig(config)
  const { tensors } = await readSafetensors(join(path, weightsFile), context)
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const weights = Object.entries(model.shapes(config)).map(([name, shape]): [string, Float32Array] => {
    const tensor = byName.get(name)
    if (tensor?.dtype !== 'F32' || tensor.shape.join() !== shape.join())
      throw corrupt(`"${name}" is not a float32 tensor of the shape [${shape.join(', ')}]`)
    return [name, float32Of(tensor)]
  })
  const base = { config, weights: Object.fromEntries(weights) }
  model.checkWeights?.(base)
  return base
}

function startOf<I, T, Example>(model: TfjsModel<I, T, Example>, base: BaseWeights, config: JsonObject) {
  if (model.startFrom !== undefined) return model.startFrom(base, config)
  const [wanted, found] = [model.shapes(config), model.shapes(base.config)]
  const labels = [config, base.config].map((one) => JSON.stringify(model.labels?.(one) ?? []))
  const isAlike = canonicalJson(wanted as never) === canonicalJson(found as never) && labels[0] === labels[1]
  if (isAlike) return base.weights
  throw new SheikhError(
    'invalid-options',
    `Cannot start from the base: its weights have the shapes ${JSON.stringify(found)} and the labels ${labels[1]}, but this model's are ${JSON.stringify(wanted)} and ${labels[0]}. Train from scratch, or give the model a "startFrom".`,
  )
}

const corrupt = (fact: string, cause?: unknown) =>
  new SheikhError('artifact-corrupt', `Cannot load the weights: ${fact}. Use the trainer that made them.`, {
    cause,
  })
