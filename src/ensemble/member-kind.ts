import type { Dataset } from '../dataset/index.js'
import type { JobKind } from '../execute/index.js'
import { type TrainingJobs, trainingKind } from '../pipeline/index.js'
import type { Trainer } from '../trainer/index.js'

export const memberJobs: TrainingJobs = { kind: { name: 'train-member', version: '3' }, noun: 'member' }

/** What a worker needs to train members: the same parts as the program that trains the ensemble. */
export interface MemberKindOptions<I, T> {
  /** The members of the ensemble, or of several ensembles with different names. */
  readonly members: Readonly<Record<string, Trainer<I, T>>>
  /** The dataset of the pipeline. */
  readonly dataset: Dataset<I, T>
}

/**
 * The kind of the jobs of an ensemble that is trained with `workers`, for the workers of the executor. A worker whose trainer, rows,
 * packages or device differ from those of the caller refuses the job.
 *
 * @example
 * ```ts
 * // worker.ts, which the program with `ensembleTrainer({ members, workers: { executor, store } })` imports too
 * export const worker = () => ({ store, kinds: [memberKind({ members, dataset })] })
 * ```
 */
export const memberKind = <I, T>({ members, dataset }: MemberKindOptions<I, T>): JobKind<never, unknown> =>
  trainingKind(memberJobs, { trainers: members, dataset })
