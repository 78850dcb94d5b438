import { type Described, digestJson, type Json } from '../../core/index.js'
import type { CandidateRecord, FitRequest, TrainerEnvironment } from '../trainer.js'
import type { CheckpointOptions } from './checkpoints.js'
import type { LoopCheckpoints, Trained } from './train-loop.js'

/** All that decides a training: equal for those that give the same bytes. */
export type MadeBy = Omit<CandidateRecord, 'lossCurve'>

export function madeBy(
  { name, version, describe }: Described,
  { seed, training }: Pick<FitRequest<unknown, unknown>, 'seed' | 'training'>,
  environment: TrainerEnvironment,
): MadeBy {
  const trainer = { name, ...(version !== undefined && { version }), describe: describe() }
  return { trainer, seed, trainingDigest: training.digest, environment }
}

export const recordOf = (made: MadeBy, { lossCurve, splitSteps }: Omit<Trained, 'weights'>): CandidateRecord => ({
  ...made,
  lossCurve,
  ...(splitSteps > 0 && { splitSteps }),
})

/** Where the loop keeps checkpoints, if it does. A trainer without a version may have changed: it begins anew. */
export function loopCheckpoints(
  made: MadeBy,
  folder: string | undefined,
  options: CheckpointOptions | false,
): LoopCheckpoints | undefined {
  if (folder === undefined || made.trainer.version === undefined || options === false) return undefined
  return { folder, training: digestJson(made as unknown as Json), options }
}
