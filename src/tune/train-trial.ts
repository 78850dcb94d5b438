import { type CallContext, type Digest, SheikhError } from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import type { Metric } from '../evaluation/index.js'
import { runTrial, type TrialParts } from '../pipeline/index.js'
import type { Lock, Store } from '../store/index.js'
import type { Trainer, TrainProgress } from '../trainer/index.js'

/** With more trainings than this at once, the checkpoint folder of one that runs would be removed. */
const mostCheckpoints = 3

export interface TrialRequest {
  readonly trainer: Trainer<unknown, unknown>
  readonly metric: Metric
  readonly snapshot: DatasetSnapshot<unknown, unknown>
  readonly dataset: TrialParts['dataset']
  readonly store: Store
  readonly lock: Lock
  readonly seed: number
  readonly secrets?: readonly string[] | undefined
  /** How many trials of the search run at once, on all workers: they share the store's folders for checkpoints. */
  readonly concurrency: number
  /** An id that the run's id must sort after. */
  readonly latest?: string | undefined
  readonly onStart: (runId: string) => void
  readonly onProgress: (progress: TrainProgress) => void
}

/** The result of one training. JSON. */
export type TrainedTrial =
  | { readonly state: 'scored'; readonly value: number; readonly runId: string; readonly evaluation?: Digest }
  | { readonly state: 'failed'; readonly reason: string; readonly runId: string }

/** Trains and scores one trial. @throws as the trainer and the model. */
export async function trainTrial(
  { snapshot, store, concurrency, metric, secrets = [], ...request }: TrialRequest,
  context: CallContext,
): Promise<TrainedTrial> {
  const { runId, evaluation, files } = await runTrial(
    {
      ...request,
      store: concurrency > mostCheckpoints ? { ...store, checkpoints: undefined } : store,
      ...{ secrets, metrics: [metric], training: snapshot.training, development: developmentOf(snapshot) },
    },
    context,
  )
  const unanswered = [...evaluation.outcomes].filter((outcome) => outcome !== 'ok').length
  if (unanswered > 0)
    return failed(`The model failed on ${unanswered} of ${evaluation.outcomes.length} development rows.`, runId)
  const value = evaluation.metrics[0]?.value
  if (!Number.isFinite(value)) return failed(`The metric "${metric.name}" is not a number.`, runId)
  return { state: 'scored', value: value!, runId, ...(files !== undefined && { evaluation: files }) }
}

const failed = (reason: string, runId: string) => ({ state: 'failed', reason, runId }) as const

/** @throws `dataset-invalid` without development rows. */
export function developmentOf<I, T>({ development }: DatasetSnapshot<I, T>) {
  if (development !== undefined) return development
  throw new SheikhError(
    'dataset-invalid',
    'Cannot search: the dataset has no development rows, and trials are never scored on the evaluation set. Set "developmentShare" of the dataset, such as 0.2.',
  )
}
