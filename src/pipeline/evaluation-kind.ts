import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson, digestOfPart, isSheikhError, messageOf, SheikhError, Slots } from '../core/index.js'
import type { Dataset } from '../dataset/index.js'
import { type FailedItem, predictShard, writePredictions } from '../evaluation/index.js'
import type { JobContext, JobKind } from '../execute/index.js'
import { putFiles, readInput, requireSameParts, type SameParts } from '../execute/shards/index.js'
import { type Model, rereadWeightsDirectory } from '../model/index.js'
import { storageFaultOf } from '../store/index.js'
import { partsOfTrainer, type Trainer } from '../trainer/index.js'
import { openFiles } from './open-files.js'
import { rowsInShard } from './shard-rows.js'
import { type CandidateVariant, variantsOf } from './variants.js'

/** Some rows of an evaluation set, to predict. JSON. */
export interface ShardInput {
  /** What the worker must have too. `data`: `null` if the samples name no files, and the worker does not read the dataset. */
  readonly expected: SameParts
  /** The evaluation, if another one must not use the result. */
  readonly only: string | null
}

/** The predictions are the object `predictions`. JSON. */
export interface ShardOutput {
  readonly failed: readonly FailedItem[]
}

export const evaluationKindName = { name: 'evaluate-rows', version: '2' } as const
export const predictionsFile = 'predictions.safetensors'

/** What a worker needs to evaluate: the same parts as the caller. */
export interface EvaluationKindOptions<I, T> {
  /** Loads the model. It trains nothing. */
  readonly trainer: Trainer<NoInfer<I>, NoInfer<T>>
  /** Read only if its samples name files: the inputs of other rows are objects of the store. */
  readonly dataset: Dataset<I, T>
  /** Further candidates of the pipeline, whose trainers load their models. @default none */
  readonly candidates?: Readonly<Record<string, CandidateVariant<NoInfer<I>, NoInfer<T>>>> | undefined
}

/**
 * The kind of the jobs of an evaluation, for the workers of its `executor`. A worker whose trainer, packages or device differ from those
 * of the caller refuses the jobs. A worker loads a model once and keeps it until it evaluates another one, a job fails, or it ends.
 *
 * @example
 * ```ts
 * // worker.ts
 * export const worker = () => ({ store: directoryStore('.sheikh'), kinds: [evaluationKind({ trainer, dataset })] })
 * ```
 */
export function evaluationKind<I, T>(parts: EvaluationKindOptions<I, T>): JobKind<never, unknown> {
  const turn = new Slots(1)
  let loaded: LoadedModel | undefined
  const unload = async () => {
    const ended = loaded
    loaded = undefined
    await ended?.[Symbol.asyncDispose]()
  }
  // It says nothing about this job, which may be of another model or have an error of its own.
  const unloadAnyway = ({ log }: JobContext) =>
    unload().catch((error: unknown) => log.warn(`A model could not be freed: ${messageOf(error)}`))
  const kind: JobKind<ShardInput, ShardOutput> = {
    ...evaluationKindName,
    run: ({ expected }, context) =>
      turn.use(async () => {
        const { store, objects, clock } = context
        context.signal.throwIfAborted()
        const key = canonicalJson({ expected, weights: objects['weights']! })
        try {
          if (loaded?.key !== key) {
            await unloadAnyway(context)
            loaded = await loadModel({ ...parts, key, expected } as unknown as LoadRequest, context)
          }
          let reportedMs = clock.nowMs()
          const onProgress = (done: number) => {
            const nowMs = clock.nowMs()
            if (nowMs - reportedMs < progressMs) return
            reportedMs = nowMs
            context.progress({ done })
          }
          const rows = rowsInShard(await readInput(store, objects['rows']!, context))
          const { model } = loaded
          const { predictions, failed } = await ofModel(() => predictShard(model, rows, onProgress, context), context)
          const write = (folder: string) => writePredictions(join(folder, predictionsFile), predictions, context)
          return { value: { failed }, objects: { predictions: await putFiles(store, write, context) } }
        } catch (error) {
          // An abort or an error may leave a model that cannot be used.
          await unloadAnyway(context)
          throw error
        }
      }, context.signal),
    close: () => turn.use(unload),
  }
  return kind
}

/** The least time between two reports of progress, in milliseconds. */
const progressMs = 500

interface LoadedModel extends AsyncDisposable {
  /** Identifies the weights, and all else that decides the predictions. */
  readonly key: string
  readonly model: Model<unknown>
}

interface LoadRequest extends EvaluationKindOptions<unknown, unknown>, Pick<ShardInput, 'expected'> {
  readonly key: string
}

async function loadModel({ dataset, expected, key, ...parts }: LoadRequest, context: JobContext): Promise<LoadedModel> {
  const trainer = trainerOf(parts, expected)
  const { store, objects } = context
  const data = expected['data'] ?? null
  const own = await partsOfTrainer(trainer, context)
  requireSameParts('evaluate on a worker', expected, { ...own, data })
  if (data !== null) {
    const { evaluation, development, training } = await dataset.snapshot({ ...context, cache: store.documents })
    const all = [evaluation, ...(development === undefined ? [] : [development]), training].map(({ digest }) => digest)
    const found = all.includes(data) ? data : evaluation.digest
    requireSameParts('evaluate on a worker', expected, { ...own, data: found })
  }
  const folder = await store.workDirectory('evaluation')
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const path = join(folder, 'weights')
    await store.objects.getDirectory(objects['weights']!, path, context)
    const files = data === null ? undefined : await openFiles(dataset, join(folder, 'files'), context)
    const weights = await rereadWeightsDirectory(path, context)
    const within = { ...context, ...(files !== undefined && { filesDirectory: files }) }
    const model = await ofModel(() => trainer.load(weights, within), context)
    return {
      ...{ key, model },
      async [Symbol.asyncDispose]() {
        try {
          await model[Symbol.asyncDispose]()
        } finally {
          await remove()
        }
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** The trainer that the caller has. If the worker has none, the main one, which differs. */
function trainerOf(parts: Pick<LoadRequest, 'trainer' | 'candidates'>, { trainer: expected }: SameParts) {
  const trainers = variantsOf(parts).map(({ trainer }) => trainer)
  return trainers.find((one) => (digestOfPart(one) ?? null) === expected) ?? parts.trainer
}

/** A fact of errors that are the model's, and not the worker's. */
export const ofModelFact = 'ofModel'

/** Marks the errors of `work` as the model's, unless they are an abort or a full disk. */
async function ofModel<R>(work: () => Promise<R>, { signal }: JobContext): Promise<R> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    if (storageFaultOf(error) !== undefined) throw error
    const [code, facts, retryable] = isSheikhError(error)
      ? ([error.code, error.facts, error.retryable] as const)
      : (['stage-failed', {}, false] as const)
    const message = isSheikhError(error) ? error.message : `The model failed on a worker: ${messageOf(error)}.`
    throw new SheikhError(code, message, { facts: { ...facts, [ofModelFact]: true }, cause: error, retryable })
  }
}
