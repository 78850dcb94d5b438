import { type Described, digestJson, type Json } from '../../core/index.js'
import type { Rows } from '../../model/index.js'
import type { CandidateRecord, FitRequest, TrainerEnvironment } from '../trainer.js'
import type { CheckpointOptions } from './checkpoints.js'
import type { LoopCheckpoints, Trained } from './train-loop.js'

/** All that decides a training: equal for those that give the same bytes. */
export type MadeBy = Omit<CandidateRecord, 'lossCurve' | 'developmentCurve' | 'splitSteps'>

export function madeBy(
  { name, version, describe }: Described,
  { seed, training }: Pick<FitRequest<unknown, unknown>, 'seed' | 'training'>,
  environment: TrainerEnvironment,
  /** The rows that early stopping looks at, if it does. */
  development?: Rows<unknown, unknown> | undefined,
): MadeBy {
  const trainer = { name, ...(version !== undefined && { version }), describe: describe() }
  return {
    ...{ trainer, seed, trainingDigest: training.digest, environment },
    ...(development !== undefined && { developmentDigest: development.digest }),
  }
}

export const recordOf = (
  made: MadeBy,
  { lossCurve, developmentCurve, splitSteps }: Omit<Trained, 'weights' | 'followed'>,
): CandidateRecord => ({
  ...made,
  lossCurve,
  ...(developmentCurve.length > 0 && { developmentCurve }),
  ...(splitSteps > 0 && { splitSteps }),
})

/** Where the loop keeps checkpoints, if it does. A trainer without a version may have changed: it begins anew. */
export function loopCheckpoints(
  made: MadeBy,
  { checkpoints: folder, base }: Pick<FitRequest<unknown, unknown>, 'checkpoints' | 'base'>,
  options: CheckpointOptions | false,
): LoopCheckpoints | undefined {
  if (folder === undefined || made.trainer.version === undefined || options === false) return undefined
  const decides = { ...made, ...(base !== undefined && { base: base.digest }) }
  return { folder, training: digestJson(decides as unknown as Json), options }
}
