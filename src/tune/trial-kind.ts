import { type CallContext, digestOfPart, untilAborted } from '../core/index.js'
import { type Dataset, snapshotOnce } from '../dataset/index.js'
import type { Metric } from '../evaluation/index.js'
import type { JobKind } from '../execute/index.js'
import { requireSameParts, type SameParts } from '../execute/shards/index.js'
import { type Lock, lockLost, type Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { Point } from './space.js'
import { type TrainedTrial, trainTrial } from './train-trial.js'

/** One training of a trial, as a job. JSON. */
export interface TrialInput {
  /** What the trainer gets. */
  readonly parameters: Point
  readonly number: number
  readonly seed: number
  /** The lock of the search, if the trainer or the metric has no version: then another search must not use the result. */
  readonly search: number | null
  /** What the worker must have too. Its packages and its device may differ from those of the search. */
  readonly expected: SameParts
}

/** What a trial gets besides: it differs after a restart of the search, and does not change the result. JSON. */
export interface TrialHints {
  /** The lock that the search holds. A worker that outlives the search writes nothing more. */
  readonly lockToken: number
  readonly latestRun: string | null
  /** How many trials of the search run at once, on all workers. */
  readonly concurrency: number
}

/** What a running trial reports, besides the progress of the training. */
export interface TrialStarted {
  readonly runId: string
}

export const trialKindName = { name: 'tune-trial', version: '2' } as const

/** What a worker needs to train trials: the same parts as the search. */
export interface TrialKindOptions<I, T, P> {
  /** Makes the trainer of a trial, as for `tune`. */
  readonly trainer: (parameters: P) => Trainer<NoInfer<I>, NoInfer<T>> | Promise<Trainer<NoInfer<I>, NoInfer<T>>>
  readonly dataset: Dataset<I, T>
  readonly metric: Metric
  /** Texts to hide in everything that is stored. @default none; anything that looks like a token is always hidden */
  readonly secrets?: readonly string[] | undefined
}

/**
 * The kind of the jobs of a search, for the workers of its `executor`. A worker whose trainer, rows or metric differ from those of the
 * search refuses the jobs.
 *
 * @example
 * ```ts
 * // worker.ts, which the program that calls `tune({ ...parts, executor, … })` imports too
 * export const parts = { space, trainer, dataset, metric, store }
 * export const worker = () => ({ store: parts.store, kinds: [trialKind(parts)] })
 * ```
 */
export function trialKind<I, T, P>({
  trainer: makeTrainer,
  dataset,
  metric,
  secrets,
}: TrialKindOptions<I, T, P>): JobKind<TrialInput, TrainedTrial> {
  const rows = snapshotOnce(dataset)
  return {
    ...trialKindName,
    async run({ parameters, seed, expected }, context) {
      const { store } = context
      const { lockToken, latestRun, concurrency } = context.hints as unknown as TrialHints
      const read = await untilAborted(rows(store, context), context.signal)
      const trainer = (await makeTrainer(parameters as P)) as unknown as Trainer<unknown, unknown>
      requireSameParts('train a trial', expected, {
        trainer: digestOfPart(trainer) ?? null,
        metric: digestOfPart(metric) ?? null,
        'training data': read.summary.trainingDigest,
        'development data': read.summary.developmentDigest ?? null,
      })
      const started = (runId: string) => context.progress({ runId } satisfies TrialStarted)
      const trained = await trainTrial(
        {
          ...{ trainer, metric, seed, secrets, store, snapshot: read, concurrency },
          dataset,
          lock: await lockOfSearch(store, lockToken, context),
          latest: latestRun ?? undefined,
          ...{ onStart: started, onProgress: context.progress },
        },
        context,
      )
      const objects = trained.state === 'scored' && trained.evaluation ? { evaluation: trained.evaluation } : {}
      return { value: trained, objects }
    },
  }
}

/** The lock of the process that searches. The worker neither takes nor releases it. */
async function lockOfSearch(store: Store, token: number, context: CallContext): Promise<Lock> {
  async function check(): Promise<void> {
    if (store.heldLock === undefined) return
    const held = await store.heldLock(context)
    if (held?.token !== token) throw lockLost({ token, heldToken: held?.token })
  }
  await check()
  return { token, check, async release() {}, async [Symbol.asyncDispose]() {} }
}
