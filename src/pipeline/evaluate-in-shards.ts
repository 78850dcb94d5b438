import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  createRunId,
  type Digest,
  digestOfPart,
  isSheikhError,
  type JsonObject,
  SheikhError,
} from '../core/index.js'
import type { Dataset } from '../dataset/index.js'
import {
  answersIn,
  type Evaluation,
  EvaluationBuilder,
  type FailedItem,
  GrowingArray,
  inputDigestBytes,
  type Metric,
  type Predictions,
  readPredictions,
  shardItems,
  warnOfFailure,
} from '../evaluation/index.js'
import type { ExecuteContext, Executor, JobResult } from '../execute/index.js'
import type { Rows, WeightsDirectory } from '../model/index.js'
import type { Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import {
  environmentDigest,
  evaluationKindName,
  predictionsFile,
  type ShardInput,
  type ShardOutput,
} from './evaluation-kind.js'
import { type ShardOfRows, shardsOf } from './shard-rows.js'

/** How an evaluation is divided among workers. */
export interface ShardOptions {
  /** Its workers have `evaluationKind` with the same trainer and dataset, and the same store. The caller closes it. */
  readonly executor: Executor
  /**
   * Number of rows per job, rounded up to a multiple of 64, so that each batch of a model has the rows that it has in one process. Does
   * not affect the result. @default 4096
   */
  readonly rowsPerShard?: number | undefined
  /** Number of jobs at once, whose rows are in memory. More than there are workers keeps all of them busy. @default 16 */
  readonly parallel?: number | undefined
}

export interface EvaluateInShardsOptions<I, T> extends ShardOptions {
  readonly trainer: Trainer<NoInfer<I>, NoInfer<T>>
  readonly weights: WeightsDirectory
  readonly dataset: Dataset<I, T>
  /** Rows of the dataset, such as `evaluation` of its snapshot. */
  readonly rows: Rows<NoInfer<I>, NoInfer<T>>
  readonly metrics: readonly Metric[]
  /** The store of the workers. */
  readonly store: Store
  /** Called with the number of rows that are predicted. @default nothing */
  readonly onProgress?: ((done: number) => void) | undefined
}

/**
 * Evaluates a model on workers, with the result that `evaluate` has in this process. Inputs, weights and predictions travel through the
 * store. The predictions of a shard are kept, so an evaluation that is interrupted continues with the others.
 *
 * @throws as `evaluate` and `Executor.run`; `version-mismatch` also if the trainer, its packages or its device differ from those of a
 * worker; `invalid-options` for `rowsPerShard` or `parallel` that is not an integer of at least 1.
 */
export async function evaluateInShards<I, T>(
  options: EvaluateInShardsOptions<I, T>,
  context: CallContext,
): Promise<Evaluation> {
  return (await predictInShards(options as unknown as EvaluateInShardsOptions<unknown, unknown>, context)).evaluation
}

/** An evaluation, and the predictions in it by the digest of the input. */
export async function predictInShards(
  options: EvaluateInShardsOptions<unknown, unknown>,
  context: CallContext,
): Promise<{ readonly evaluation: Evaluation; readonly answers: Predictions }> {
  const { rowsPerShard = 4096, parallel = 16, executor, store, onProgress } = options
  const { rows, metrics, trainer, weights, dataset } = options
  checkShardOptions(options)
  const id = createRunId(context.clock.nowMs())
  const trainerDigest = digestOfPart(trainer)
  const input: ShardInput = {
    expected: {
      trainer: trainerDigest ?? null,
      environment: await environmentDigest(trainer, context),
      rows: dataset.filesDirectory === undefined ? null : rows.digest,
    },
    only: trainerDigest === undefined ? id : null,
  }
  const { path, manifest } = weights
  const weightsDigest = await store.objects.putDirectory(path, context, { manifest })
  const stop = new AbortController()
  const within = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) }
  const progress = new Progress(onProgress)
  const columns = new EvaluationBuilder(metrics, rows.size)
  const inputs = new GrowingArray(new Uint8Array(rows.size * inputDigestBytes))
  let modelDigest: Digest | undefined
  const predicting: Promise<PredictedShard>[] = []

  const begin = async ({ rows: shard, bytes }: ShardOfRows): Promise<PredictedShard> => {
    const onEvent = progress.begin()
    const objects = { weights: weightsDigest, rows: await store.objects.put(bytes, within) }
    const request = { executor, store, input, objects, id, size: shard.length }
    return { ...(await predictOnce(request, { ...within, onEvent })), rows: shard }
  }
  const take = async () => {
    const { rows: shard, predictions, failed } = await predicting.shift()!
    modelDigest ??= predictions.modelDigest
    if (modelDigest !== predictions.modelDigest) throw differentModels(modelDigest, predictions.modelDigest)
    for (const [item, digest] of shardItems(shard, predictions, failed)) {
      warnOfFailure(item, context)
      columns.push(item)
      if (item.prediction !== undefined) inputs.append(digest)
    }
    progress.finish(shard.length)
  }
  try {
    for await (const shard of shardsOf(rows, rowsPerShard)) {
      const predicted = begin(shard)
      // Awaited later, in order, but the first error ends all of them.
      predicted.catch((error: unknown) => stop.abort(error))
      predicting.push(predicted)
      if (predicting.length >= parallel) await take()
    }
    while (predicting.length > 0) await take()
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(predicting)
    context.signal.throwIfAborted()
    throw error
  }
  // Without a row there is no model, and `finish` throws.
  const evaluation = columns.finish(modelDigest ?? weightsDigest, rows.digest)
  return { evaluation, answers: answersIn(evaluation, inputs.take()) }
}

/** @throws `invalid-options`. */
export function checkShardOptions({ rowsPerShard = 1, parallel = 1 }: Omit<ShardOptions, 'executor'>): void {
  for (const [name, value] of Object.entries({ rowsPerShard, parallel }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SheikhError(
        'invalid-options',
        `Cannot evaluate on workers: "${name}" is ${value}, which is not an integer of at least 1. Correct it.`,
      )
}

interface PredictedShard extends Pick<ShardOfRows, 'rows'> {
  readonly predictions: Predictions
  readonly failed: readonly FailedItem[]
}

interface ShardRequest extends Pick<EvaluateInShardsOptions<unknown, unknown>, 'executor' | 'store'> {
  readonly input: ShardInput
  readonly objects: Readonly<Record<string, Digest>>
  /** The evaluation. */
  readonly id: string
  /** Number of rows. */
  readonly size: number
}

/**
 * Predicts a shard, or takes the predictions of an equal job that was done before. Rows that failed there are predicted again: a model
 * that ran out of time or memory may succeed now.
 */
async function predictOnce(
  { executor, store, input, objects, id, size }: ShardRequest,
  context: ExecuteContext,
): Promise<Omit<PredictedShard, 'rows'>> {
  const run = (asked: ShardInput): Promise<JobResult<ShardOutput>> =>
    executor.run<ShardInput, ShardOutput>({ kind: evaluationKindName, input: asked, objects }, context)
  const open = async ({ value, objects: made }: JobResult<ShardOutput>) => {
    const predictions = await openPredictions(store, made['predictions']!, size, context)
    return { predictions, failed: value.failed }
  }
  const first = await run(input)
  if (!first.reused || input.only !== null) return open(first)
  const kept = await open(first).catch((error: unknown) => {
    if (isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')) return undefined
    throw error
  })
  return kept === undefined || kept.failed.length > 0 ? open(await run({ ...input, only: id })) : kept
}

async function openPredictions(store: Store, digest: Digest, size: number, context: CallContext): Promise<Predictions> {
  const folder = await store.workDirectory('shard')
  try {
    await store.objects.getDirectory(digest, join(folder, 'kept'), context)
    const predictions = await readPredictions(join(folder, 'kept', predictionsFile), context)
    if (predictions.predictions.length === size) return predictions
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot use what a worker predicted: it has ${predictions.predictions.length} predictions for ${size} rows. Evaluate again.`,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Counts predicted rows over all shards. A shard that begins again is not counted twice. */
class Progress {
  readonly #onProgress: ((done: number) => void) | undefined
  readonly #begun = new Set<{ done: number }>()
  #finished = 0
  #told = 0

  constructor(onProgress: ((done: number) => void) | undefined) {
    this.#onProgress = onProgress
  }

  /** @returns the listener of the next shard. */
  begin(): NonNullable<ExecuteContext['onEvent']> {
    const shard = { done: 0 }
    this.#begun.add(shard)
    return (event) => {
      if (event.type !== 'job-progress' || !this.#begun.has(shard)) return
      shard.done = Math.max(shard.done, Number((event.progress as JsonObject)['done']))
      this.#tell()
    }
  }

  /** Ends the shard that began first. */
  finish(rows: number): void {
    const [first] = this.#begun
    this.#begun.delete(first!)
    this.#finished += rows
    this.#tell()
  }

  #tell(): void {
    let done = this.#finished
    for (const shard of this.#begun) done += shard.done
    if (done <= this.#told) return
    this.#told = done
    this.#onProgress?.(done)
  }
}

const differentModels = (one: Digest, other: Digest) =>
  new SheikhError(
    'version-mismatch',
    `Cannot evaluate on workers: one loaded the weights as the model ${one}, and another as ${other}. Give all workers the same code.`,
    { facts: { expected: one, found: other } },
  )
