import { type CallContext, callContext, toJson } from '../core/index.js'
import type { FeedbackRange, FeedbackStore } from '../feedback/index.js'
import { answerOf, type Prediction, type Row } from '../model/index.js'
import type { DriftItem } from './drift.js'

/** Rows of a dataset as the reference: inputs and targets. */
export async function* referenceItems(
  rows: AsyncIterable<Row<unknown, unknown>> | Iterable<Row<unknown, unknown>>,
): AsyncGenerator<DriftItem> {
  for await (const { input, target } of rows) {
    const answer = typeof target === 'string' || typeof target === 'number' ? target : undefined
    yield { input: toJson(input), answer }
  }
}

export interface LiveOptions extends FeedbackRange {
  /** Only answers of this version. @default all */
  readonly version?: string | undefined
}

/** What a server answered in a period, from its feedback. @throws `storage-failed`, `artifact-corrupt`. */
export async function* liveItems(
  store: FeedbackStore,
  { version, ...range }: LiveOptions = {},
  context: CallContext = callContext(),
): AsyncGenerator<DriftItem> {
  for await (const entry of store.read(range, context))
    if (entry.kind === 'prediction' && (version === undefined || entry.release.version === version))
      yield predictedItem(entry)
}

/** An input and what a model answered. */
function predictedItem({
  input,
  prediction,
}: {
  readonly input: DriftItem['input']
  readonly prediction: Prediction
}): DriftItem {
  const answer = answerOf(prediction)
  if (typeof answer === 'object') return { input }
  const probabilities = prediction.kind === 'label' ? prediction.probabilities : undefined
  return {
    input,
    answer,
    confidence: probabilities && Object.hasOwn(probabilities, answer) ? probabilities[answer] : undefined,
  }
}
