import { type CallContext, messageOf, SheikhError } from '../core/index.js'
import type { Model, Prediction, Row, Rows } from '../model/index.js'
import type { Evaluation, ItemOutcome, Metric } from './evaluation.js'
import { EvaluationBuilder } from './evaluation-builder.js'

export interface EvaluateOptions<I> {
  readonly model: Model<I>
  readonly rows: Rows<I, unknown>
  readonly metrics: readonly Metric[]
  /** Items a call of `predict`. @default 64 */
  readonly batchSize?: number | undefined
}

/** One row and what the model said of it; no prediction where it failed. */
export interface ScoredItem {
  readonly row: Row<unknown, unknown>
  readonly outcome: ItemOutcome
  readonly prediction?: Prediction | undefined
}

/**
 * Scores a model on rows, item by item; of the rows no more than a batch is in memory, unless a metric is an aggregate.
 *
 * A batch that fails is asked again item by item, so that one bad item costs no other its answer. What fails then is
 * recorded as `error`, or `timeout` for an error of that name: never as a wrong answer.
 *
 * @throws `evaluation-invalid` where predictions are too few, not finite, or not what a metric needs.
 */
export async function evaluate<I>(
  { model, rows, metrics, batchSize = 64 }: EvaluateOptions<I>,
  context: CallContext,
): Promise<Evaluation> {
  const columns = new EvaluationBuilder(metrics)
  let batch: Row<I, unknown>[] = []
  const ask = async () => {
    for (const item of await predictBatch(model, batch, context)) columns.push(item)
    batch = []
  }
  for await (const row of rows) {
    batch.push(row)
    if (batch.length === batchSize) await ask()
  }
  if (batch.length > 0) await ask()
  return columns.finish(model.digest, rows.digest)
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
        `Cannot evaluate: the model gave ${predictions.length} predictions for ${batch.length} inputs. Correct the model: one each, in order.`,
      )
    return batch.map((row, index) => ({ row, outcome: 'ok', prediction: checked(predictions[index]!, row.id) }))
  } catch (error) {
    context.signal.throwIfAborted()
    // Typed errors are of the model, not of an item: were they counted as wrong answers, a broken baseline would lose to anything.
    if (error instanceof SheikhError) throw error
    const [only] = batch
    if (batch.length === 1) {
      context.log.warn(`The model failed on "${only!.id}": ${messageOf(error)}`)
      return [{ row: only!, outcome: (error as Error | undefined)?.name === 'TimeoutError' ? 'timeout' : 'error' }]
    }
    const alone: ScoredItem[] = []
    for (const row of batch) alone.push(...(await predictBatch(model, [row], context)))
    return alone
  }
}

function checked(prediction: Prediction, id: string): Prediction {
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
    `Cannot evaluate: the prediction for "${id}" is ${known ? 'not finite' : 'none of label, number, text and vector'}. Correct the model.`,
    {
      facts: { id },
    },
  )
}
