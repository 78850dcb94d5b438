import { join } from 'node:path'
import { type CallContext, type Digest, digestJson, identityOf, isDigest, type Json } from '../../core/index.js'
import {
  codesOf,
  type Evaluation,
  evaluate,
  type Predictions,
  readEvaluation,
  readPredictions,
  rememberingModel,
  writeEvaluation,
  writePredictions,
} from '../../evaluation/index.js'
import type { Model, Rows, WeightsDirectory } from '../../model/index.js'
import type { Bundle } from '../../releaser/index.js'
import type { Trainer, TrainerEnvironment } from '../../trainer/index.js'
import { predictInShards } from '../evaluate-in-shards.js'
import { predictionsFile } from '../evaluation-kind.js'
import { type Key, stageKeyOf } from '../keys.js'
import type { Session } from '../session.js'
import { findKept, keep, openKeptFiles } from '../stage-cache.js'

export interface Scored {
  readonly evaluation: Evaluation
  /** Of the evaluation's file. */
  readonly digest: Digest
  /** The directory in the store that holds it. */
  readonly files?: Digest | undefined
  readonly cached: boolean
  readonly key?: Key | undefined
}

/** What is asked: weights, and the prompts that a model may use when it answers. */
export interface Asked {
  /** Names the model in events: `candidate`, or the version of a release. */
  readonly name: string
  readonly weights: WeightsDirectory
  readonly prompts: readonly Json[]
  /** Loads the weights. @default the option `trainer` */
  readonly trainer?: Trainer<unknown, unknown>
}

export const evaluationFile = 'evaluation.safetensors'

/** What a bundle's models answer with, besides the weights. */
export const inferencePrompts = ({ manifest }: Bundle): readonly Json[] =>
  manifest.files
    .filter(({ path }) => path.startsWith('prompts/inference/'))
    .map(({ path, digest }) => ({ path, digest }))

/** Has a model answer what no earlier run kept, and scores it. */
export async function score(
  session: Session,
  { name, weights, prompts, trainer = session.options.trainer }: Asked,
  rows: Rows<unknown, unknown>,
  environment: TrainerEnvironment | undefined,
): Promise<Scored> {
  const { gate } = session.options
  const metrics = gate.metrics.map(identityOf)
  const scorer = { weights: weights.digest, prompts, trainer: identityOf(trainer), environment: environment ?? null }
  const versioned = scorer.trainer !== undefined
  // Answers do not depend on what is made of them: another metric asks no model again.
  // An input that is a path is the same when the file is not.
  const files = session.options.dataset.filesDirectory === undefined ? {} : { rows: rows.digest }
  const answersKey = versioned ? stageKeyOf({ kind: 'predict', ...scorer, ...files }) : undefined
  const key =
    versioned && metrics.every((metric) => metric !== undefined)
      ? stageKeyOf({ kind: 'evaluate', ...scorer, rows: rows.digest, metrics })
      : undefined
  const kept = await keptFile(session, key, evaluationFile, readEvaluation)
  if (kept !== undefined) return { evaluation: kept.value, digest: kept.digest, files: kept.files, cached: true, key }

  const known = await keptFile(session, answersKey, predictionsFile, readPredictions)
  const onProgress = evaluationProgress(session, name, rows.size)
  const { evaluation, answers } =
    session.options.evaluation === undefined || known !== undefined || !isOnWorkers(session, trainer)
      ? await scoreHere(session, { weights, prompts, trainer, known: known?.value }, rows, onProgress)
      : await scoreOnWorkers(session, { weights, prompts, trainer }, rows, onProgress)
  const file = (path: string) => writeEvaluation(path, evaluation, session.context)
  const written = await keepFile(
    session,
    key !== undefined && isAnswered(evaluation) ? key : undefined,
    evaluationFile,
    file,
  )
  if (answers !== undefined)
    await keepFile(session, answersKey, predictionsFile, (path) => writePredictions(path, answers, session.context))
  return { evaluation, ...written, cached: false, key }
}

/** Of several trainers without a version, a worker cannot tell which one is meant. */
const isOnWorkers = ({ options }: Session, trainer: Trainer<unknown, unknown>) =>
  trainer === options.trainer || identityOf(trainer) !== undefined

interface Predicted {
  readonly evaluation: Evaluation
  /** Absent: none is new. */
  readonly answers?: Predictions | undefined
}
type Progress = (done: number) => void

/** Has the model predict what is not known yet. */
async function scoreHere(
  session: Session,
  { weights, prompts, trainer, known }: Required<Omit<Asked, 'name'>> & { readonly known: Predictions | undefined },
  rows: Rows<unknown, unknown>,
  onProgress: Progress,
): Promise<Predicted> {
  const { gate } = session.options
  const load = async () => {
    const loaded = await trainer.load(weights, await session.modelContext())
    return { ...askedBy(loaded), digest: modelDigest(loaded.digest, prompts) }
  }
  await using model = await rememberingModel(load, known)
  const evaluation = await evaluate({ model, rows, metrics: gate.metrics, onProgress }, session.context)
  return { evaluation, answers: model.asked > 0 ? model.answers() : undefined }
}

async function scoreOnWorkers(
  session: Session,
  { weights, prompts, trainer }: Required<Omit<Asked, 'name'>>,
  rows: Rows<unknown, unknown>,
  onProgress: Progress,
): Promise<Predicted> {
  const { gate, store, dataset, evaluation: shards } = session.options
  const { evaluation, answers } = await predictInShards(
    { ...shards!, trainer, dataset, store, weights, rows, metrics: gate.metrics, onProgress },
    session.context,
  )
  const digest = modelDigest(evaluation.modelDigest, prompts)
  return {
    evaluation: { ...evaluation, modelDigest: digest },
    answers: answers.predictions.length > 0 ? { ...answers, modelDigest: digest } : undefined,
  }
}

/** At most a hundred events on the way, and one at the end. */
function evaluationProgress(session: Session, model: string, items: number): Progress {
  let told = 0
  return (done) => {
    if (done < items && done - told < items / 100) return
    told = done
    session.emit({ type: 'evaluate-progress', model, done, items })
  }
}

/** A model's digest covers the templates that it answers with: without any it is the model's own. */
const modelDigest = (model: Digest, prompts: readonly Json[]): Digest =>
  prompts.length === 0 ? model : digestJson({ model, prompts })

// A model may be an object of a class: its members are not its own, and would be lost in a copy.
const askedBy = (model: Model<unknown>): Omit<Model<unknown>, 'digest'> => ({
  predict: (inputs, context) => model.predict(inputs, context),
  [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
})

/** What failed for want of time or memory may work next time: such an evaluation is not kept. */
const isAnswered = ({ outcomes }: Evaluation) => [...codesOf(outcomes).names].every((outcome) => outcome === 'ok')

/** A file that an earlier run kept under this key; `undefined` where there is none, or it is damaged. */
const keptFile = <T>(
  session: Session,
  key: Key | undefined,
  name: string,
  read: (path: string, context: CallContext) => Promise<T>,
): Promise<{ readonly value: T; readonly digest: Digest; readonly files: Digest } | undefined> =>
  findKept(session, key, {
    lost: 'An evaluation kept from an earlier run is damaged or gone: scoring again.',
    async open({ value: digest, files }) {
      if (files === undefined || !isDigest(digest)) return undefined
      const directory = await openKeptFiles(session, files, 'kept')
      return { value: await read(join(directory, name), session.context), digest, files }
    },
  })

async function keepFile(
  session: Session,
  key: Key | undefined,
  name: string,
  write: (path: string) => Promise<Digest>,
): Promise<{ readonly digest: Digest; readonly files?: Digest | undefined }> {
  const directory = await session.folder('scored')
  const digest = await write(join(directory, name))
  if (key === undefined) return { digest }
  const files = await session.options.store.objects.putDirectory(directory, session.context)
  await keep(session, key, digest, files)
  return { digest, files }
}
