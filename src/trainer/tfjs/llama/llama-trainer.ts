import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { type CallContext, type JsonObject, type Random, SheikhError } from '../../../core/index.js'
import { fromFloat32, readWeightsDirectory, writeWeights } from '../../../model/index.js'
import { storageFailed, writeFileAtomic } from '../../../store/index.js'
import type { Trainer } from '../../trainer.js'
import { checkCheckpointOptions } from '../checkpoints.js'
import { type Device, openDevice, valuesOf } from '../devices.js'
import { loopCheckpoints, madeBy, recordOf } from '../fit-record.js'
import { packageVersion } from '../package-version.js'
import type { Weights } from '../tfjs-model.js'
import { type Trainable, trainLoop } from '../train-loop.js'
import { readAdapterFiles, writeAdapterFiles } from './adapter-files.js'
import { checkBase, readConfig, readTokens, readValues, type Values } from './base-model.js'
import { type Llama, llamaLossAndGradients, stepBytes, type TokenSequence } from './llama.js'
import { type LlamaConfig, llamaShapes } from './llama-config.js'
import { llamaModel } from './llama-model.js'
import { describeLlama, type LlamaSettings, type LlamaTrainerOptions, toLlamaSettings } from './llama-options.js'
import { initLora, loraAdapters, loraShapes, merged } from './lora.js'
import { readSequences } from './sequences.js'
import { tokenizerFiles, tokenizerPackage } from './tokens.js'

/**
 * Trains a language model of the Llama family, whole or by adapters, from a folder as Hugging Face has it, and releases one
 * that `AutoModelForCausalLM` loads. A row's input is the prompt, its target the answer.
 *
 * @throws `invalid-options`; from `fit`: `train-diverged`, `dataset-invalid`, `device-unavailable`, and `artifact-corrupt` where
 * the base is not what its digest says or no Llama; from `load`: `artifact-corrupt`.
 */
export function llamaTrainer(options: LlamaTrainerOptions): Trainer<string, string> {
  const settings = toLlamaSettings(options)
  const { device: deviceName = 'wasm', checkpoints = {} } = options
  if (checkpoints !== false) checkCheckpointOptions(checkpoints)
  const described = {
    contract: 1,
    name: 'llama',
    version: '1',
    describe: () => ({ ...describeLlama(settings), device: deviceName }),
  } as const
  const environment = async (context: CallContext) => {
    const { packages, fingerprint } = await openDevice(deviceName, context)
    return { packages: { ...packages, [tokenizerPackage]: packageVersion(tokenizerPackage) }, device: fingerprint }
  }
  return {
    ...described,
    ...(settings.answer.kind === 'choice' && { targets: 'labels' as const }),
    environment,

    async fit(request, context) {
      const { training, seed, directory } = request
      const { base, fromScratch } = settings
      const device = await openDevice(deviceName, context)
      await checkBase(base, context)
      const { json, config } = await readConfig(base.directory)
      const tokens = await readTokens(base.directory, config)
      const maximumLength = lengthOf(settings, config)
      const sequenceOptions = { ...settings, maximumLength, inputsAlone: settings.answer.kind === 'likelihood' }
      const examples = await readSequences(training, tokens, sequenceOptions, context)
      const start = fromScratch ? undefined : await readValues(base.directory, 'model', llamaShapes(config), context)
      // Without a need for them they are neither read nor in the record.
      const watched = settings.loop.earlyStopping === undefined ? undefined : request.development
      const development = watched && (await readSequences(watched, tokens, sequenceOptions, context))
      const made = madeBy(described, request, await environment(context), watched)
      const trainee = traineeOf(device, config, settings, start)
      try {
        const { weights, ...trained } = await trainLoop(
          device,
          trainee,
          {
            config: {},
            examples,
            development,
            seed,
            checkpoints: loopCheckpoints(made, request.checkpoints, checkpoints),
          },
          context,
        )
        const found = await trainee.merge(weights)
        await writeModel(directory, settings, json, found, context)
        return { weights: await readWeightsDirectory(directory, context), record: recordOf(made, trained) }
      } finally {
        trainee.dispose()
      }
    },

    async load(weights, context) {
      const device = await openDevice(deviceName, context)
      const { config } = await readConfig(weights.path)
      const { base } = settings
      const lora = await readAdapterFiles(weights, base)
      if (lora !== undefined) await checkBase(base, context)
      const whole = lora === undefined ? weights.path : base.directory
      const values = await readValues(whole, 'model', llamaShapes(config), context)
      const added = lora && (await readValues(weights.path, 'adapter_model', loraShapes(config, lora), context))
      const tokens = await readTokens(weights.path, config)
      const llama: Llama = {
        ...{ tf: device.tf, config, weights: toTensors(device, { ...values, ...added }) },
        ...(lora !== undefined && { adapters: loraAdapters(config, lora) }),
      }
      return llamaModel(device, llama, tokens, settings.answer, {
        weights: weights.digest,
        maximumLength: lengthOf(settings, config),
      })
    },
  }
}

interface Trainee extends Trainable<TokenSequence> {
  /** What is to be released, by name: with the base's weights where adapters are merged into them. */
  merge(trained: Readonly<Record<string, Float32Array>>): Promise<Readonly<Record<string, Values>>>
  dispose(): void
}

/** @param start the base's weights; absent: from chance. */
function traineeOf(
  device: Device,
  config: LlamaConfig,
  { loop, lora }: LlamaSettings,
  start: Readonly<Record<string, Values>> | undefined,
): Trainee {
  const { tf } = device
  const decays = (name: string) => !name.includes('norm')
  if (lora === undefined) {
    const shapes = llamaShapes(config)
    return {
      ...{ loop, decays, stepBytes: (batch) => stepBytes(config, batch) },
      init: (_tf, _config, random) =>
        start === undefined ? initLlama(device, config, random) : toTensors(device, start),
      lossAndGradients: (_tf, weights, batch) => llamaLossAndGradients({ tf, config, weights }, batch, () => true),
      merge: async (trained) =>
        Object.fromEntries(Object.entries(trained).map(([name, values]) => [name, { shape: shapes[name]!, values }])),
      dispose() {},
    }
  }
  const adapters = loraAdapters(config, lora)
  const shapes = loraShapes(config, lora)
  const frozen = toTensors(device, start!)
  return {
    ...{ loop, decays, stepBytes: (batch) => stepBytes(config, batch) },
    init: (_tf, _config, random) => initLora(tf, config, lora, random),
    lossAndGradients: (_tf, weights, batch) =>
      llamaLossAndGradients({ tf, config, adapters, weights: { ...frozen, ...weights } }, batch, () => false),
    async merge(trained) {
      const added = Object.fromEntries(
        Object.entries(trained).map(([name, values]): [string, Values] => [name, { shape: shapes[name]!, values }]),
      )
      if (!lora.merge) return added
      const tensors = toTensors(device, added)
      const whole = { ...start! }
      try {
        for (const [name, adapter] of adapters) {
          const matrix = device.use(() => tf.tidy(() => merged(tf, frozen[name] as Tensor2D, adapter, tensors)))
          whole[name] = { shape: matrix.shape, values: await valuesOf(matrix) }
        }
        return whole
      } finally {
        tf.dispose(tensors as never)
      }
    },
    dispose: () => device.use(() => tf.dispose(frozen as never)),
  }
}

/** As transformers begins: normal with the configuration's deviation, gains 1. Each weight has a source of chance of its own. */
function initLlama({ tf }: Device, config: LlamaConfig, random: Random): Weights {
  return Object.fromEntries(
    Object.entries(llamaShapes(config)).map(([name, shape]): [string, Tensor] => {
      const own = random.fork(name)
      const values = new Float32Array(shape.reduce((product, length) => product * length, 1))
      if (name.includes('norm')) values.fill(1)
      else for (let index = 0; index < values.length; index += 1) values[index] = own.normal() * config.initializerRange
      return [name, tf.tensor(values, [...shape])]
    }),
  )
}

function toTensors(device: Device, values: Readonly<Record<string, Values>>): Weights {
  return device.use(() =>
    Object.fromEntries(
      Object.entries(values).map(([name, { shape, values: data }]): [string, Tensor] => [
        name,
        device.tf.tensor(data, [...shape], 'float32'),
      ]),
    ),
  )
}

/** A folder that `AutoModelForCausalLM` loads, or PEFT with the base. */
async function writeModel(
  directory: string,
  { base, lora, dtype, maximumShardBytes }: LlamaSettings,
  json: JsonObject,
  weights: Readonly<Record<string, Values>>,
  context: CallContext,
): Promise<void> {
  const tensors = Object.entries(weights).map(([name, { shape, values }]) => {
    // Adapters may be finite, and their product not; half precision ends at 65,504.
    const tooLarge = values.findIndex((value) => !(Math.abs(value) < (dtype === 'F16' ? 65_520 : maximumFloat32)))
    if (tooLarge >= 0)
      throw new SheikhError(
        'train-diverged',
        `Cannot save the weights as ${dtype}: "${name}" holds ${values[tooLarge]}. Nothing was saved. Choose a smaller learning rate, or another dtype.`,
        { facts: { tensor: name } },
      )
    return fromFloat32(name, dtype, shape, values)
  })
  const present = await readdir(base.directory)
  for (const name of [...tokenizerFiles, 'generation_config.json'].filter((file) => present.includes(file)))
    await copyFile(join(base.directory, name), join(directory, name)).catch((error: unknown) => {
      throw storageFailed('write', join(directory, name), error)
    })
  const adapter = lora?.merge === false ? lora : undefined
  await writeWeights(
    directory,
    adapter === undefined ? 'model' : 'adapter_model',
    tensors,
    { maximumShardBytes },
    context,
  )
  const config = { ...json, architectures: ['LlamaForCausalLM'], torch_dtype: torchNames[dtype] }
  await writeFileAtomic(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  if (adapter !== undefined) await writeAdapterFiles(directory, base, adapter)
}

/** What is beyond it, BF16 rounds to infinity. */
const maximumFloat32 = 3.3895e38

const torchNames = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const

function lengthOf({ maximumLength }: LlamaSettings, { maximumPositions }: LlamaConfig): number {
  return Math.min(maximumLength, maximumPositions)
}
