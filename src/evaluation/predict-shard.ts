import type { CallContext } from '../core/index.js'
import type { Model, Row } from '../model/index.js'
import { predictionsOf } from './column-tensors.js'
import { checked, predictRows, type ScoredItem } from './evaluate.js'
import type { Evaluation, ItemOutcome } from './evaluation.js'
import { PredictionBuilder } from './prediction-column.js'
import { digestOfInput, inputDigestBytes, type Predictions, PredictionsBuilder } from './remembering-model.js'

/** A row without a prediction. JSON. */
export interface FailedItem {
  /** The number of the row in its shard, from 0. */
  readonly index: number
  readonly outcome: Exclude<ItemOutcome, 'ok'>
  /** Why, at most 1,000 characters. */
  readonly problem: string
}

/**
 * Predicts some rows of an evaluation set. Every row has a prediction, or `null` if the model failed.
 *
 * @param onProgress called after each batch with the number of rows that are predicted.
 * @throws as `evaluate`.
 */
export async function predictShard<I>(
  model: Model<I>,
  rows: Iterable<Row<I, unknown>>,
  onProgress: (done: number) => void,
  context: CallContext,
): Promise<{ readonly predictions: Predictions; readonly failed: readonly FailedItem[] }> {
  // The caller builds its columns from what this one returns: they must be those of one process.
  const builder = new PredictionsBuilder({ exact: true })
  const failed: FailedItem[] = []
  for await (const batch of predictRows({ model, rows }, context)) {
    for (const { row, outcome, prediction, problem = '' } of batch) {
      if (outcome !== 'ok') failed.push({ index: builder.length, outcome, problem: problem.slice(0, 1000) })
      builder.push(digestOfInput(row.input), prediction ?? null)
    }
    onProgress(builder.length)
  }
  return { predictions: builder.finish(model.digest), failed }
}

/** The rows of a shard with what `predictShard` returned, and the digests of their inputs. */
export function* shardItems<I>(
  rows: readonly Row<I, unknown>[],
  { inputs, predictions }: Predictions,
  failed: readonly FailedItem[],
): Generator<readonly [item: ScoredItem, input: Uint8Array]> {
  const failures = new Map(failed.map((item) => [item.index, item]))
  for (const [index, row] of rows.entries()) {
    const failure = failures.get(index)
    yield [
      failure === undefined
        ? { row, outcome: 'ok', prediction: checked(predictions.at(index)!, row.id) }
        : { row, outcome: failure.outcome, problem: failure.problem },
      inputs.subarray(index * inputDigestBytes, (index + 1) * inputDigestBytes),
    ]
  }
}

/** The predictions of an evaluation. @param inputs digests of the inputs of the rows that have a prediction. */
export function answersIn({ modelDigest, predictions }: Evaluation, inputs: Uint8Array): Predictions {
  // One column for both takes half the memory.
  if (inputs.length === predictions.length * inputDigestBytes)
    return { modelDigest, inputs, predictions: predictionsOf(predictions) }
  const builder = new PredictionBuilder({ size: inputs.length / inputDigestBytes })
  for (const prediction of predictions) if (prediction !== null) builder.push(prediction)
  return { modelDigest, inputs, predictions: builder.finish() }
}
