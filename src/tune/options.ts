import type { Clock, Log } from '../core/index.js'
import type { Dataset } from '../dataset/index.js'
import type { Metric } from '../evaluation/index.js'
import type { Executor } from '../execute/index.js'
import type { Store } from '../store/index.js'
import type { Trainer, TrainProgress } from '../trainer/index.js'
import type { CorrectedEstimate } from './corrected-estimate.js'
import type { Pruner } from './pruner.js'
import type { Sampler } from './sampler.js'
import type { ParametersOf, Point, Space } from './space.js'
import type { StudyRecord } from './study-record.js'
import type { ScoredTrial, Trial } from './trial.js'

/** What the trainer of a trial gets: the parameters of the space, and with a pruner its resource. */
export type TrialParameters<S extends Space, R extends string = never> = ParametersOf<S> & { readonly [K in R]: number }

export interface TuneOptions<I, T, S extends Space, R extends string = never> {
  /** What to search: `{ learningRate: float(1e-4, 1e-1, { log: true }) }`. */
  readonly space: S
  /** Makes the trainer of a trial. If it throws, the trial fails. */
  readonly trainer: (
    parameters: TrialParameters<S, NoInfer<R>>,
  ) => Trainer<NoInfer<I>, NoInfer<T>> | Promise<Trainer<NoInfer<I>, NoInfer<T>>>
  /** Needs a development share (`developmentShare`): trials are scored on these rows, never on the evaluation set. */
  readonly dataset: Dataset<I, T>
  /** The metric to improve, in its own direction. */
  readonly metric: Metric
  /** Keeps trials and models. A pipeline with the same store, dataset and seed does not train the winner again. */
  readonly store: Store
  /** Number of trials, those that fail and those of an earlier call included. A grid ends earlier if it has fewer points. */
  readonly trials: number
  /** Suggests the parameters of each trial. @default `tpeSampler()` */
  readonly sampler?: Sampler | undefined
  /**
   * A study that the sampler learns from: of another program (`readOptunaJournal`), or one of the store (`readStudy`) from before
   * the rows or the trainer changed. Its values must be of the same metric. Its trials are not among those of the result, and a
   * trial outside of the space is left out. Part of the study: give the same one to continue.
   *
   * @default none
   */
  readonly earlier?: StudyRecord | undefined
  /** Ends the training of poor trials early. @default none: every trial is trained in full */
  readonly pruner?: Pruner<R> | undefined
  /** The name under which the study continues: `[a-z0-9-]+`. @default 'study' */
  readonly name?: string | undefined
  /** The seed of the sampler, and of every training. @default 0 */
  readonly seed?: number | undefined
  /**
   * How many trials may run at once. Trial `n` is suggested from the results of the trials up to `n - parallel`, however
   * fast they are, so the result depends on this number and not on `concurrency`. A higher number needs more trials for
   * the same result. @default 1
   */
  readonly parallel?: number | undefined
  /** How many trials run at once on this machine; at most `parallel`. Does not affect the result. @default `parallel` */
  readonly concurrency?: number | undefined
  /**
   * Where trials are trained: its workers have `trialKind` with the same trainer, dataset and metric. The search does not close it.
   * Does not affect the result. @default this process
   */
  readonly executor?: Executor | undefined
  /**
   * Begins no trial after this time in milliseconds. How many trials fit depends on the machine, so the result is not
   * reproducible. @default no limit
   */
  readonly timeLimitMs?: number | undefined
  /** Texts to hide in everything that is stored. @default none; anything that looks like a token is always hidden */
  readonly secrets?: readonly string[] | undefined
  /** Receives the progress. An error that it throws is logged. @default nothing */
  readonly onEvent?: ((event: TuneEvent) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
  readonly log?: Log | undefined
}

/** Progress of a search. JSON. */
export type TuneEvent =
  | { readonly type: 'trial-start'; readonly number: number; readonly parameters: Point }
  | ({ readonly type: 'trial-progress'; readonly number: number } & TrainProgress)
  /** With a pruner, after each rung but the last: the metric with so much of the resource, and whether the trial continues. */
  | {
      readonly type: 'trial-rung'
      readonly number: number
      readonly resource: number
      readonly value: number
      readonly continues: boolean
    }
  /** `best`: the number of the best trial so far. Absent: all failed. */
  | { readonly type: 'trial-end'; readonly trial: Trial; readonly best?: number | undefined }

export interface TuneResult<S extends Space, R extends string = never> {
  /** The trial with the best value; the earliest if several are equal. With a pruner, the best of those trained in full. */
  readonly best: ScoredTrial<TrialParameters<S, R>>
  /** By number. */
  readonly trials: readonly Trial<TrialParameters<S, R>>[]
  /**
   * What to expect of the best trial on new data, corrected for the choice among the trials that were trained in full.
   * Absent: the metric is an aggregate, or the rows are too few.
   */
  readonly estimate?: CorrectedEstimate | undefined
  /**
   * Share of each parameter in the difference between the best tenth of the trials and all trials, 0 to 1; the shares add up
   * to 1. Absent with fewer than 10 scored trials, or if no parameter differs.
   */
  readonly importance?: Readonly<Record<string, number>> | undefined
}

/** The numbers among the options, checked. */
export interface Limits {
  readonly trials: number
  readonly parallel: number
  readonly concurrency: number
  readonly seed: number
}
