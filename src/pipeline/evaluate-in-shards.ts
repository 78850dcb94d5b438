import { join } from 'node:path'
import {
  type CallContext,
  createRunId,
  type Digest,
  isSheikhError,
  type JsonObject,
  type Log,
  messageOf,
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
import type { ExecuteContext } from '../execute/index.js'
import { checkShardOptions, inOrder, openResult, type ShardOptions, withInput } from '../execute/shards/index.js'
import type { Rows, WeightsDirectory } from '../model/index.js'
import type { Store } from '../store/index.js'
import { partsOfTrainer, type Trainer } from '../trainer/index.js'
import {
  evaluationKindName,
  ofModelFact,
  predictionsFile,
  type ShardInput,
  type ShardOutput,
} from './evaluation-kind.js'
import { type ShardOfRows, shardsOf } from './shard-rows.js'

/** A shard ends with a batch of 64 rows, so that each batch of a model has the rows that it has in one process. */
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
 * @throws as `evaluate` and `Executor.run`; `stage-failed`, retryable, if the executor is closed; `version-mismatch` also if the trainer, its packages or its device differ from those of a
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
  checkShardOptions('evaluate on workers', options)
  const id = createRunId(context.clock.nowMs())
  const expected = await partsOfTrainer(trainer, context)
  const input: ShardInput = {
    expected: { ...expected, data: dataset.filesDirectory === undefined ? null : rows.digest },
    only: expected['trainer'] === null ? id : null,
  }
  const { path, manifest } = weights
  const weightsDigest = await store.objects.putDirectory(path, context, { manifest })
  const progress = new Progress(onProgress, context)
  const columns = new EvaluationBuilder(metrics, rows.size)
  const inputs = new GrowingArray(new Uint8Array(rows.size * inputDigestBytes))
  let modelDigest: Digest | undefined

  const predict = ({ rows: shard, bytes }: ShardOfRows, within: CallContext): Promise<PredictedShard> => {
    const onEvent = progress.begin()
    const work = async (stored: Digest) => {
      const request = { executor, store, input, objects: { weights: weightsDigest, rows: stored }, id }
      return { ...(await predictOnce({ ...request, size: shard.length }, { ...within, onEvent })), rows: shard }
    }
    return withInput(store, bytes, work, within)
  }
  for await (const predicted of inOrder(shardsOf(rows, rowsPerShard), parallel, predict, context)) {
    const { rows: shard, predictions, failed } = predicted
    modelDigest ??= predictions.modelDigest
    if (modelDigest !== predictions.modelDigest) throw differentModels(modelDigest, predictions.modelDigest)
    for (const [item, digest] of shardItems(shard, predictions, failed)) {
      warnOfFailure(item, context)
      columns.push(item)
      if (item.prediction !== undefined) inputs.append(digest)
    }
    progress.finish(shard.length)
  }
  // Without a row there is no model, and `finish` throws.
  const evaluation = columns.finish(modelDigest ?? weightsDigest, rows.digest)
  return { evaluation, answers: answersIn(evaluation, inputs.take()) }
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
  const predicted = async (asked: ShardInput) => {
    const run = () =>
      executor
        .run<ShardInput, ShardOutput>({ kind: evaluationKindName, input: asked, objects }, context)
        .catch((error: unknown) => {
          context.signal.throwIfAborted()
          throw errorOfRun(error)
        })
    const open = async (folder: string) => {
      const predictions = await readPredictions(join(folder, predictionsFile), context)
      if (predictions.predictions.length === size) return predictions
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot use what a worker predicted: it has ${predictions.predictions.length} predictions for ${size} rows. Evaluate again.`,
      )
    }
    const { result, opened } = await openResult(store, run, 'predictions', open, context)
    return { predictions: opened, failed: result.value.failed, reused: result.reused }
  }
  const kept = await predicted(input)
  return kept.reused && kept.failed.length > 0 ? predicted({ ...input, only: id }) : kept
}

/** Errors of executors and workers. They say nothing about a model. */
const ofWorkers = new WeakSet<SheikhError>()

/** Whether an error of `predictInShards` is the fault of the workers, and not of the model. */
export const isOfWorkers = (error: SheikhError): boolean => ofWorkers.has(error)

function errorOfRun(error: unknown): SheikhError {
  if (isSheikhError(error) && error.facts[ofModelFact] === true) return error
  // Such as an executor that was closed.
  const found = isSheikhError(error)
    ? error
    : new SheikhError('stage-failed', `Cannot evaluate on workers: ${messageOf(error)} Run again.`, {
        cause: error,
        retryable: true,
      })
  ofWorkers.add(found)
  return found
}

/** Counts predicted rows over all shards. A shard that begins again is not counted twice. */
class Progress {
  readonly #onProgress: ((done: number) => void) | undefined
  readonly #begun = new Set<{ done: number }>()
  #finished = 0
  #told = 0

  readonly #log: Log

  constructor(onProgress: ((done: number) => void) | undefined, { log }: CallContext) {
    this.#onProgress = onProgress
    this.#log = log
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
    try {
      this.#onProgress?.(done)
    } catch (error) {
      // It says nothing about the evaluation, and may be called while a worker answers.
      this.#log.warn(`"onProgress" of an evaluation failed: ${messageOf(error)}`)
    }
  }
}

const differentModels = (one: Digest, other: Digest) =>
  new SheikhError(
    'version-mismatch',
    `Cannot evaluate on workers: one loaded the weights as the model ${one}, and another as ${other}. Give all workers the same code.`,
    { facts: { expected: one, found: other } },
  )
