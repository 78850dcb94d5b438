import { type CallContext, SheikhError } from '../core/index.js'
import type { Rows } from '../model/index.js'
import { checked } from './evaluate.js'
import type { Evaluation, Metric } from './evaluation.js'
import { EvaluationBuilder } from './evaluation-builder.js'

/**
 * Computes the scores of an evaluation again from its predictions and outcomes. Ids, groups, slices and targets come from
 * `rows`, scores and values from `metrics`: nothing else of `evaluation` is used, except its model digest.
 *
 * @throws `artifact-corrupt` if its items are not the rows; `evaluation-invalid` as `evaluate`.
 */
export async function rescore(
  { evaluation, rows, metrics }: { evaluation: Evaluation; rows: Rows<unknown, unknown>; metrics: readonly Metric[] },
  context: CallContext,
): Promise<Evaluation> {
  const { ids, outcomes, predictions } = evaluation
  const columns = new EvaluationBuilder(metrics, rows.size)
  let index = 0
  for await (const row of rows) {
    if (index % 1000 === 0) context.signal.throwIfAborted()
    if (ids.at(index) !== row.id) throw ofOtherItems(`item ${index + 1} is not "${row.id}"`)
    const outcome = outcomes.at(index) ?? 'error'
    columns.push(
      outcome === 'ok' ? { row, outcome, prediction: checked(predictions.at(index)!, row.id) } : { row, outcome },
    )
    index += 1
  }
  if (index !== ids.length)
    throw ofOtherItems(`it has ${ids.length} items, and the evaluation set has ${index} of them`)
  return columns.finish(evaluation.modelDigest, rows.digest)
}

const ofOtherItems = (fact: string) =>
  new SheikhError('artifact-corrupt', `Cannot use an evaluation of other items: ${fact}. Evaluate again.`)
