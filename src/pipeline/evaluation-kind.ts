import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  digestJson,
  digestOfPart,
  messageOf,
  SheikhError,
  Slots,
} from '../core/index.js'
import type { Dataset } from '../dataset/index.js'
import { type FailedItem, predictShard, writePredictions } from '../evaluation/index.js'
import type { JobContext, JobKind } from '../execute/index.js'
import { type Model, rereadWeightsDirectory } from '../model/index.js'
import type { Trainer } from '../trainer/index.js'
import { openFiles } from './open-files.js'
import { rowsInShard } from './shard-rows.js'

/** Some rows of an evaluation set, to predict. JSON. */
export interface ShardInput {
  /** What the worker must have too. */
  readonly expected: {
    /** `null`: has no version. */
    readonly trainer: Digest | null
    /** The packages and the device of the trainer. */
    readonly environment: Digest
    /** `null`: the samples name no files, and the worker does not read the dataset. */
    readonly rows: Digest | null
  }
  /** The evaluation, if another one must not use the result. */
  readonly only: string | null
}

/** The predictions are the object `predictions`. JSON. */
export interface ShardOutput {
  readonly failed: readonly FailedItem[]
}

export const evaluationKindName = { name: 'evaluate-rows', version: '1' } as const
export const predictionsFile = 'predictions.safetensors'

/** What a worker needs to evaluate: the same parts as the caller. */
export interface EvaluationKindOptions<I, T> {
  /** Loads the model. It trains nothing. */
  readonly trainer: Trainer<NoInfer<I>, NoInfer<T>>
  /** Read only if its samples name files: the inputs of other rows are objects of the store. */
  readonly dataset: Dataset<I, T>
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
          const rows = rowsInShard(await store.objects.get(objects['rows']!, context))
          const { predictions, failed } = await predictShard(loaded.model, rows, onProgress, context)
          const folder = await store.workDirectory('shard')
          try {
            await writePredictions(join(folder, predictionsFile), predictions, context)
            return { value: { failed }, objects: { predictions: await store.objects.putDirectory(folder, context) } }
          } finally {
            await rm(folder, { recursive: true, force: true })
          }
        } catch (error) {
          // An abort or an error may leave a model that cannot be used.
          await unloadAnyway(context)
          throw error
        }
      }),
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

async function loadModel({ trainer, dataset, expected, key }: LoadRequest, context: JobContext): Promise<LoadedModel> {
  const { store, objects } = context
  const check = (part: string, wanted: Digest | null, found: Digest | null) => {
    if (wanted !== found) throw differs(part, wanted, found)
  }
  check('trainer', expected.trainer, digestOfPart(trainer) ?? null)
  check('environment of the trainer', expected.environment, await environmentDigest(trainer, context))
  if (expected.rows !== null) {
    const { evaluation, development, training } = await dataset.snapshot({ ...context, cache: store.documents })
    const all = [evaluation, ...(development === undefined ? [] : [development]), training].map(({ digest }) => digest)
    if (!all.includes(expected.rows)) check('data', expected.rows, evaluation.digest)
  }
  const folder = await store.workDirectory('evaluation')
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const path = join(folder, 'weights')
    await store.objects.getDirectory(objects['weights']!, path, context)
    const files = expected.rows === null ? undefined : await openFiles(dataset, join(folder, 'files'), context)
    const weights = await rereadWeightsDirectory(path, context)
    const model = await trainer.load(weights, { ...context, ...(files !== undefined && { filesDirectory: files }) })
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

/** The digest of what decides a prediction besides the trainer and the weights. */
export const environmentDigest = async (
  trainer: Pick<Trainer<never, never>, 'environment'>,
  context: CallContext,
): Promise<Digest> => digestJson((await trainer.environment?.(context)) ?? null)

const differs = (part: string, expected: Digest | null, found: Digest | null) =>
  new SheikhError(
    'version-mismatch',
    `Cannot evaluate on a worker: the ${part} of the worker differs from the ${part} of the caller. Give both the same code, packages, device and files, and restart the workers.`,
    { facts: { part, expected, found } },
  )
