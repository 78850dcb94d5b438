import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Json, type JsonObject, SheikhError } from '../../../core/index.js'
import {
  fromFloat32,
  type Model,
  readWeightsDirectory,
  tokenizerFiles,
  tokenizerPackage,
  type WeightsDirectory,
  writeWeights,
} from '../../../model/index.js'
import { chatTemplateFile, readChatTemplate } from '../../../prompts/index.js'
import { storageFailed, writeFileAtomic } from '../../../store/index.js'
import type { LoadContext, Trainer } from '../../trainer.js'
import { checkCheckpointOptions } from '../checkpoints.js'
import { type Device, deviceEnvironment, openDevice } from '../devices.js'
import { loopCheckpoints, madeBy, recordOf } from '../fit-record.js'
import { packageVersion } from '../package-version.js'
import { loadInThread } from '../thread/model-thread.js'
import { registerParts, type TrainerParts } from '../trainer-parts.js'
import { canHaveThread, feed, openTraining, predictsInThread, type Trainee } from '../training.js'
import { readAdapterFiles, writeAdapterFiles } from './adapter-files.js'
import { checkBase, openBase, readConfig, readTokens, readValues } from './base-model.js'
import type { Llama, TokenSequence } from './llama.js'
import { type LlamaConfig, llamaShapes } from './llama-config.js'
import { llamaModel } from './llama-model.js'
import { describeLlama, type LlamaSettings, type LlamaTrainerOptions, toLlamaSettings } from './llama-options.js'
import { type LlamaTraineeOptions, llamaTrainee, toTensors } from './llama-trainee.js'
import { loraAdapters, loraShapes } from './lora.js'
import { readSequences } from './sequences.js'

/**
 * Trains a language model of the Llama family, either all weights or adapters, from a folder in Hugging Face layout.
 * The released model can be loaded with `AutoModelForCausalLM`. A row's input is the prompt, its target the answer.
 *
 * @throws `invalid-options`; from `fit`: `train-diverged`, `dataset-invalid`, `device-unavailable`, and
 * `artifact-corrupt` if the base does not match its digest or is not a Llama; from `load`: `artifact-corrupt`.
 */
export function llamaTrainer(options: LlamaTrainerOptions): Trainer<string, string> {
  const settings = toLlamaSettings(options)
  const { device: deviceName = 'wasm', checkpoints = {}, thread } = options
  const { largeFiles: _fetch, makeFolder: _make, ...plainBase } = settings.base
  // Functions cannot be sent to a thread.
  const plain = { ...options, base: plainBase }
  if (checkpoints !== false) checkCheckpointOptions(checkpoints)
  const described = {
    contract: 1,
    name: 'llama',
    version: '1',
    describe: () => ({ ...describeLlama(settings), device: deviceName }),
  } as const
  const environment = async (context: CallContext) => {
    const { packages, fingerprint } = await deviceEnvironment(deviceName, context)
    return { packages: { ...packages, [tokenizerPackage]: packageVersion(tokenizerPackage) }, device: fingerprint }
  }
  const traineeFor = (options: LlamaTraineeOptions, device: Device, context: CallContext): Trainee<TokenSequence> =>
    canHaveThread(device, thread)
      ? { thread: 'own', work: { builtIn: 'llama', options } }
      : { thread: 'caller', build: () => llamaTrainee(options, device, context) }
  const fitAs: TrainerParts<string, string>['fit'] = async (request, context, { described, open }) => {
    const { training: rows, seed, directory } = request
    const { lora, loop } = settings
    const device = await openDevice(deviceName, context)
    await using opened = await openBase(settings.base, context)
    await checkBase(opened.base, context)
    const { whole, start } = await startOf({ base: opened.base, lora }, request.base, context)
    const { json, config } = await readConfig(whole)
    const tokens = await readTokens(whole, config)
    const maximumLength = lengthOf(settings, config)
    const sequences = { ...settings, maximumLength, inputsAlone: settings.answer.kind === 'likelihood' }
    // Without early stopping they are neither read nor recorded.
    const watched = loop.earlyStopping === undefined ? undefined : request.development
    const made = madeBy(described, request, await environment(context), watched)
    const isFromScratch = settings.fromScratch && request.base === undefined
    const options = { config, loop, lora, directory: isFromScratch ? undefined : whole }
    const trainee = traineeFor(options, device, context)
    await using training = await open(trainee, device, directory, context, config as unknown as Json)
    await feed(training, 'training', context, (keep) => readSequences(rows, tokens, sequences, keep, context))
    if (watched !== undefined)
      await feed(training, 'development', context, (keep) => readSequences(watched, tokens, sequences, keep, context))
    const { weights, ...trained } = await training.train(
      { config: {}, seed, start, checkpoints: loopCheckpoints(made, request, checkpoints) },
      context,
    )
    const shapes = lora?.merge === false ? loraShapes(config, lora) : llamaShapes(config)
    await writeModel(directory, settings, { whole, json, shapes, weights }, context)
    return { weights: await readWeightsDirectory(directory, context), record: recordOf(made, trained) }
  }
  const trainer: Trainer<string, string> = {
    ...described,
    ...(settings.answer.kind === 'choice' && { targets: 'labels' as const }),
    weightsFormat: 'safetensors',
    warmStart: true,
    ...(!settings.fromScratch && { base: settings.base.digest }),
    environment,
    fit: (request, context) => fitAs(request, context, { described, open: openTraining }),

    async load(weights, context) {
      const chat = settings.answer.kind === 'text' ? await readChatTemplate(weights.path) : undefined
      const lora = await readAdapterFiles(weights, settings.base)
      if (lora !== undefined && settings.base.largeFiles !== undefined) return loadFromOpened(options, weights, context)
      if (await predictsInThread(deviceName, thread, context)) {
        const model = await loadInThread<string>({ builtIn: 'llama', options: plain }, deviceName, weights, context)
        return { ...model, ...(chat !== undefined && { chatPrompt: chat }) }
      }
      const device = await openDevice(deviceName, context)
      const { config } = await readConfig(weights.path)
      const { base } = settings
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
        atOnce: settings.loop.evaluationBatchSize,
        chat,
      })
    },
  }
  // The frozen weights below adapters are not on the workers.
  if (settings.lora !== undefined) return trainer
  return registerParts(trainer, {
    ...{ device: deviceName, loop: settings.loop, fit: fitAs },
    // The weights of each round replace random ones.
    trainee: (config, device, context) => {
      const options = { config: config as unknown as LlamaConfig, loop: settings.loop }
      return traineeFor(options, device, context) as Trainee<unknown>
    },
  })
}

/** Loads adapters while the files of Git LFS of their base are in a folder, which a thread that is replaced reads again. */
async function loadFromOpened(
  options: LlamaTrainerOptions,
  weights: WeightsDirectory,
  context: LoadContext,
): Promise<Model<string>> {
  const opened = await openBase(options.base, context)
  const close = () => opened[Symbol.asyncDispose]()
  try {
    const model = await llamaTrainer({ ...options, base: opened.base }).load(weights, context)
    return {
      ...model,
      [Symbol.asyncDispose]: async () => {
        try {
          await model[Symbol.asyncDispose]()
        } finally {
          await close()
        }
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * Determines where a training starts: the folder of a complete model, and the adapters' weights if the base is a
 * release of adapters.
 *
 * @throws `invalid-options` if the release contains adapters of another kind, or only one of both is a complete model.
 */
async function startOf(
  { base, lora }: Pick<LlamaSettings, 'base' | 'lora'>,
  release: WeightsDirectory | undefined,
  context: CallContext,
): Promise<{ readonly whole: string; readonly start?: Readonly<Record<string, Float32Array>> }> {
  if (release === undefined) return { whole: base.directory }
  const released = await readAdapterFiles(release, base)
  const wanted = lora?.merge === false ? lora : undefined
  if (JSON.stringify(released) !== JSON.stringify(wanted))
    throw new SheikhError(
      'invalid-options',
      `Cannot start from the release: it is ${released === undefined ? 'a complete model' : `adapters (${JSON.stringify(released)})`}, and this trainer releases ${wanted === undefined ? 'complete models' : `adapters (${JSON.stringify(wanted)})`}. Use the same settings, or start from the base.`,
    )
  if (wanted === undefined) return { whole: release.path }
  const { config } = await readConfig(base.directory)
  const values = await readValues(release.path, 'adapter_model', loraShapes(config, wanted), context)
  const start = Object.fromEntries(Object.entries(values).map(([name, { values: data }]) => [name, data]))
  return { whole: base.directory, start }
}

interface Learned {
  /** The folder with its tokenizer and configuration. */
  readonly whole: string
  readonly json: JsonObject
  readonly shapes: Readonly<Record<string, readonly number[]>>
  readonly weights: Readonly<Record<string, Float32Array>>
}

/** Writes a folder for `AutoModelForCausalLM`, or for PEFT together with the base. */
async function writeModel(
  directory: string,
  { base, lora, dtype, maximumShardBytes }: LlamaSettings,
  { whole, json, shapes, weights }: Learned,
  context: CallContext,
): Promise<void> {
  const tensors = Object.entries(weights).map(([name, values]) => {
    // Adapters may be finite although their product is not. The largest half is 65,504.
    const tooLarge = values.findIndex((value) => !(Math.abs(value) < (dtype === 'F16' ? 65_520 : maximumFloat32)))
    if (tooLarge >= 0)
      throw new SheikhError(
        'train-diverged',
        `Cannot save the weights as ${dtype}: "${name}" contains ${values[tooLarge]}. Nothing was saved. Choose a smaller learning rate, or another dtype.`,
        { facts: { tensor: name } },
      )
    return fromFloat32(name, dtype, shapes[name]!, values)
  })
  const present = await readdir(whole)
  for (const name of [...tokenizerFiles, chatTemplateFile, 'generation_config.json'].filter((file) =>
    present.includes(file),
  ))
    await copyFile(join(whole, name), join(directory, name)).catch((error: unknown) => {
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

/** BF16 rounds larger values to infinity. */
const maximumFloat32 = 3.3895e38

const torchNames = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const

function lengthOf({ maximumLength }: LlamaSettings, { maximumPositions }: LlamaConfig): number {
  return Math.min(maximumLength, maximumPositions)
}
