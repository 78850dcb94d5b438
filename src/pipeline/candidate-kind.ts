import type { Dataset } from '../dataset/index.js'
import type { JobKind } from '../execute/index.js'
import type { Trainer } from '../trainer/index.js'
import { type TrainingJobs, trainingKind } from './training-kind.js'
import { type CandidateVariant, nameOf, variantsOf } from './variants.js'

export const candidateJobs: TrainingJobs = { kind: { name: 'train-candidate', version: '1' }, noun: 'candidate' }

/** What a worker needs to train candidates: the same parts as the pipeline. */
export interface CandidateKindOptions<I, T> {
  /** The trainer of the pipeline. */
  readonly trainer: Trainer<NoInfer<I>, NoInfer<T>>
  /** The dataset of the pipeline. */
  readonly dataset: Dataset<I, T>
  /** Further candidates of the pipeline. */
  readonly candidates: Readonly<Record<string, CandidateVariant<NoInfer<I>, NoInfer<T>>>>
}

/**
 * The kind of the jobs of a pipeline with `training`, for the workers of its executor. A worker whose trainer, rows, packages or device
 * differ from those of the pipeline refuses the job.
 *
 * @example
 * ```ts
 * // worker.ts, which the program with `new Pipeline({ trainer, candidates, training: { executor } })` imports too
 * export const worker = () => ({ store, kinds: [candidateKind({ trainer, candidates, dataset })] })
 * ```
 */
export function candidateKind<I, T>({
  dataset,
  trainer,
  candidates,
}: CandidateKindOptions<I, T>): JobKind<never, unknown> {
  const variants = variantsOf({ trainer, candidates } as Parameters<typeof variantsOf>[0])
  const trainers = Object.fromEntries(variants.map((variant) => [nameOf(variant), variant.trainer]))
  return trainingKind(candidateJobs, { trainers, dataset: dataset as Dataset<unknown, unknown> })
}
