import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { digestJson, type Json } from '../../core/index.js'
import type { Model, Prediction, WeightsDirectory } from '../../model/index.js'
import { readChatTemplate } from '../../prompts/index.js'
import { temporaryFolder, verifyNamedFiles } from '../../store/index.js'
import { replacedWorker } from '../replaced-worker.js'
import type { LoadContext, Trainer } from '../trainer.js'
import { filesAmong, inputDigests, writtenFiles } from './input-digests.js'
import { argvOf, type CommandTrainerOptions } from './options.js'
import type { Predictor } from './predict-program.js'
import { protocolVersion, writePredictRequest } from './request.js'
import { type Settings, settingsOf } from './settings.js'

/**
 * Uses any program as a trainer: PyTorch, scikit-learn, a cluster's queue. The program receives rows and configuration
 * as files, and returns progress and predictions as JSON Lines, and weights as a folder. `docs/command-trainer.md`
 * describes the protocol.
 *
 * @throws `invalid-options`. From `describe()`: `not-found` for a missing input. From `fit`: `stage-failed` with the
 * program's last lines, `missing-peer` if the program does not exist, `artifact-corrupt` for invalid weights,
 * `train-diverged`, `storage-failed`. From `load`: `artifact-corrupt`, `stage-failed`.
 */
export function commandTrainer<I = string, T = string>(options: CommandTrainerOptions): Trainer<I, T> {
  const settings = settingsOf(options)
  const {
    name = 'command',
    version = options.inputs === undefined ? undefined : '1',
    targets,
    weightsFormat,
    warmStart,
  } = options
  const { directory = '.', inputs = [] } = options
  const [fit, predict] = [argvOf(options.fit), argvOf(options.predict)]
  const describe = () => describeCommand(options)
  return {
    contract: 1,
    name,
    version,
    targets,
    weightsFormat,
    warmStart,
    describe,
    files: () => writtenFiles(directory, [...inputs, ...[fit, predict].flatMap((argv) => filesAmong(directory, argv))]),

    async fit(request, context) {
      // Computed before the program reads its inputs, so that an edit during the run leads to another key.
      const described = describe()
      // Loaded here, because most programs that import the package start no other program.
      const { fitByProgram } = await import('./fit-program.js')
      const { weights, lossCurve, environment } = await fitByProgram(settings, request, context)
      return {
        weights,
        record: {
          trainer: { name, ...(version !== undefined && { version }), describe: described },
          seed: request.seed,
          trainingDigest: request.training.digest,
          ...(request.development !== undefined && { developmentDigest: request.development.digest }),
          ...(environment !== undefined && { environment }),
          lossCurve,
        },
      }
    },

    load: (weights, context) => loadCommandModel<I>(settings, weights, describe(), context),
  }
}

function describeCommand({ directory = '.', inputs = [], ...options }: CommandTrainerOptions): Json {
  const [fit, predict] = [argvOf(options.fit), argvOf(options.predict)]
  const named = [fit, predict].flatMap((argv) => filesAmong(directory, argv))
  return {
    protocol: protocolVersion,
    fit: { ...fit },
    predict: { ...predict },
    config: options.config ?? null,
    env: [...new Set(options.env ?? [])].sort(),
    inputs: inputDigests(resolve(directory), [...inputs, ...named]).map(({ path, digest }) => ({ path, digest })),
  }
}

async function loadCommandModel<I>(
  settings: Settings,
  weights: WeightsDirectory,
  described: Json,
  context: LoadContext,
): Promise<Model<I>> {
  await verifyNamedFiles(weights.path, weights.manifest, context)
  const chat = await readChatTemplate(weights.path)
  const { startPredictor } = await import('./predict-program.js')
  const folder = await temporaryFolder('sheikh-predict-')
  const remove = () => rm(folder, { recursive: true, force: true })
  const start = (starting: LoadContext) => startPredictor(settings, requestFile, starting)
  const requestFile = await writePredictRequest(folder, resolve(weights.path), settings.config, context.filesDirectory)
  let predictor: Predictor
  try {
    predictor = await start(context)
  } catch (error) {
    await remove()
    throw error
  }
  // One request at a time, because answers carry no id.
  const worker = replacedWorker(predictor, 'program that predicts', start)
  return {
    // Predictions depend on the program as well as on the weights.
    digest: digestJson([weights.digest, described]),
    labels: predictor.labels,
    ...(chat !== undefined && { chatPrompt: chat }),
    async predict(inputs, asking) {
      const predictions: Prediction[] = []
      for (let first = 0; first < inputs.length; first += settings.batchSize) {
        const batch = inputs.slice(first, first + settings.batchSize)
        predictions.push(...(await worker.use((program) => program.predict(batch, asking), asking)))
      }
      return predictions
    },
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]()
      await remove()
    },
  }
}
