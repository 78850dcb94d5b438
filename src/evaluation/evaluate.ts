import { type CallContext, messageOf, SheikhError } from '../core/index.js'
import type { Model, Prediction, Row, Rows } from '../model/index.js'
import type { Evaluation, ItemOutcome, Metric } from './evaluation.js'
import { EvaluationBuilder } from './evaluation-builder.js'

export const defaultBatchSize = 64

export interface EvaluateOptions<I> {
  readonly model: Model<I>
  readonly rows: Rows<I, unknown>
  readonly metrics: readonly Metric[]
  /** Number of items per call of `predict`. @default 64 */
  readonly batchSize?: number | undefined
  /** Called after each batch with the number of items that are scored. @default nothing */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** One row with the model's prediction; without a prediction if the model failed. */
export interface ScoredItem {
  readonly row: Row<unknown, unknown>
  readonly outcome: ItemOutcome
  readonly prediction?: Prediction | undefined
  /** Why the model failed. */
  readonly problem?: string | undefined
}

/**
 * Scores a model on rows, item by item. At most one batch of rows is in memory, unless a metric is an aggregate.
 *
 * If a batch fails, its items are predicted again one by one, so that a bad item does not affect the others. Items that
 * fail again are recorded as `error`, or as `timeout` for a `TimeoutError`, never as a wrong answer.
 *
 * @throws `evaluation-invalid` if predictions are missing, not finite, or not of the kind that a metric needs.
 */
export async function evaluate<I>(
  { model, rows, metrics, batchSize, onProgress }: EvaluateOptions<I>,
  context: CallContext,
): Promise<Evaluation> {
  const columns = new EvaluationBuilder(metrics, rows.size)
  let done = 0
  for await (const batch of predictRows({ model, rows, batchSize }, context)) {
    for (const item of batch) {
      warnOfFailure(item, context)
      columns.push(item)
    }
    done += batch.length
    onProgress?.(done)
  }
  return columns.finish(model.digest, rows.digest)
}

/** Predicts rows, one batch after the other. @throws as `evaluate`. */
export async function* predictRows<I>(
  {
    model,
    rows,
    batchSize = defaultBatchSize,
  }: Pick<EvaluateOptions<I>, 'model' | 'batchSize'> & {
    readonly rows: AsyncIterable<Row<I, unknown>> | Iterable<Row<I, unknown>>
  },
  context: CallContext,
): AsyncGenerator<readonly ScoredItem[]> {
  let batch: Row<I, unknown>[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length < batchSize) continue
    yield await predictBatch(model, batch, context)
    batch = []
  }
  if (batch.length > 0) yield await predictBatch(model, batch, context)
}

export function warnOfFailure({ row, problem }: ScoredItem, { log }: CallContext): void {
  if (problem !== undefined) log.warn(`The model failed on "${row.id}": ${problem}`)
}

async function predictBatch<I>(
  model: Model<I>,
  batch: readonly Row<I, unknown>[],
  context: CallContext,
): Promise<readonly ScoredItem[]> {
  context.signal.throwIfAborted()
  try {
    const predictions = await model.predict(
      batch.map(({ input }) => input),
      context,
    )
    context.signal.throwIfAborted()
    if (predictions.length !== batch.length)
      throw new SheikhError(
        'evaluation-invalid',
        `Cannot evaluate: the model returned ${predictions.length} predictions for ${batch.length} inputs. Return one prediction per input, in order.`,
      )
    return batch.map((row, index) => ({ row, outcome: 'ok', prediction: checked(predictions[index]!, row.id) }))
  } catch (error) {
    context.signal.throwIfAborted()
    // A `SheikhError` concerns the model, not an item. If it counted as wrong answers, any candidate would beat a
    // broken baseline.
    if (error instanceof SheikhError) throw error
    const [only] = batch
    if (batch.length === 1) {
      const outcome = (error as Error | undefined)?.name === 'TimeoutError' ? 'timeout' : 'error'
      return [{ row: only!, outcome, problem: messageOf(error) }]
    }
    const alone: ScoredItem[] = []
    for (const row of batch) alone.push(...(await predictBatch(model, [row], context)))
    return alone
  }
}

/** @throws `evaluation-invalid` for a prediction that is not one, or not finite. */
export function checked(prediction: Prediction, id: string): Prediction {
  const numbers =
    prediction?.kind === 'number'
      ? [prediction.value]
      : prediction?.kind === 'vector'
        ? prediction.values
        : prediction?.kind === 'label'
          ? Object.values(prediction.probabilities ?? {})
          : []
  const known = ['label', 'number', 'text', 'vector'].includes(prediction?.kind)
  if (known && numbers.every(Number.isFinite)) return prediction
  throw new SheikhError(
    'evaluation-invalid',
    `Cannot evaluate: the prediction for "${id}" is ${known ? 'not finite' : 'not a label, number, text or vector'}. Correct the model.`,
    {
      facts: { id },
    },
  )
}
