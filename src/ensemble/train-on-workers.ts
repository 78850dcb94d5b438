import type { Executor } from '../execute/index.js'
import { trainByJobs } from '../pipeline/index.js'
import type { Store } from '../store/index.js'
import type { Candidate, FitContext, FitRequest } from '../trainer/index.js'
import { memberFolder } from './ensemble-file.js'
import { type Member, seedOf } from './member.js'
import { memberJobs } from './member-kind.js'

/** Where members are trained at once. */
export interface MemberWorkers {
  /** Its workers have `memberKind` with the same members and dataset. The ensemble does not close it. */
  readonly executor: Executor
  /** The store of the workers, through which weights travel. */
  readonly store: Store
}

/** Trains a member, with progress of its own. `kept`: an interrupted training had finished it. */
export type TrainMember<I, T> = (
  member: Member<I, T>,
  context: FitContext,
) => Promise<Candidate & { readonly kept: boolean }>

/** Prepares the jobs of an ensemble. `end`: removes what only an interrupted training needs. */
export async function trainOnWorkers<I, T>(
  workers: MemberWorkers,
  members: readonly Member<I, T>[],
  { training, development, seed, base, checkpoints, directory }: FitRequest<I, T>,
  context: FitContext,
): Promise<{ readonly train: TrainMember<I, T>; readonly end: () => Promise<void> }> {
  const trainings = members.map(({ name, index, trainer }) => ({ name, trainer, seed: seedOf(seed, index) }))
  const request = { trainings, training, development, base, isResumed: checkpoints !== undefined }
  const jobs = await trainByJobs(workers, memberJobs, request, context)
  return { train: ({ name }, own) => jobs.train(name, memberFolder(directory, name), own), end: () => jobs.end() }
}
