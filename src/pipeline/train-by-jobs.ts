import { randomUUID } from 'node:crypto'
import { digestJson, fits, isSheikhError, type Json, SheikhError } from '../core/index.js'
import type { Executor, Job, JobEvent } from '../execute/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import type { Store } from '../store/index.js'
import {
  type Candidate,
  candidateRecordShape,
  type FitContext,
  type FitRequest,
  partsOfTrainer,
  type Trainer,
  type TrainProgress,
} from '../trainer/index.js'
import type { TrainingHints, TrainingInput, TrainingJobs } from './training-kind.js'

/** One of several trainings with the same rows. */
export interface NamedTraining<I, T> {
  readonly name: string
  readonly trainer: Trainer<I, T>
  readonly seed: number
}

export interface TrainingsRequest<I, T> extends Pick<FitRequest<I, T>, 'training' | 'development' | 'base'> {
  readonly trainings: readonly NamedTraining<I, T>[]
  /** Whether an interrupted training resumes, and the result of a finished one is used. */
  readonly isResumed: boolean
}

/** Prepares trainings by jobs. `end`: removes what only an interrupted training needs. */
export interface TrainingsByJobs {
  /**
   * @param directory where the weights are put: a folder that does not exist, or an empty one.
   * @returns the candidate, and whether an interrupted training had finished it.
   */
  train(name: string, directory: string, context: FitContext): Promise<Candidate & { readonly kept: boolean }>
  end(): Promise<void>
}

export async function trainByJobs<I, T>(
  { executor, store }: { readonly executor: Executor; readonly store: Store },
  { kind, noun }: TrainingJobs,
  { trainings, training, development, base, isResumed }: TrainingsRequest<I, T>,
  context: FitContext,
): Promise<TrainingsByJobs> {
  const { path, manifest } = base ?? {}
  const kept = path === undefined ? undefined : await store.objects.putDirectory(path, context, { manifest })
  const objects = kept === undefined ? {} : { base: kept }
  const inputs = new Map<string, TrainingInput>()
  for (const { name, trainer, seed } of trainings)
    inputs.set(name, {
      ...{ trainer: name, seed, once: null },
      expected: {
        ...(await partsOfTrainer(trainer, context)),
        'training data': training.digest,
        'development data': development?.digest ?? null,
      },
    })
  const key = isResumed ? digestJson({ [noun]: [...inputs.values()], objects } as unknown as Json) : null
  const hints: TrainingHints = { checkpoints: key }

  async function train(name: string, directory: string, { progress, ...context }: FitContext) {
    const input = inputs.get(name)!
    // As `FitRequest.checkpoints`: what was trained before is used only if the caller allows that.
    const isRepeatable = isResumed && input.expected['trainer'] !== null
    const job: Job<TrainingInput, Json> = {
      ...{ kind, objects, hints },
      input: isRepeatable ? input : { ...input, once: randomUUID() },
    }
    const onEvent = (event: JobEvent) => {
      if (event.type === 'job-retry') context.log.warn(`The ${noun} "${name}" is trained again: ${event.reason}`)
      if (event.type === 'job-progress') progress(event.progress as unknown as TrainProgress)
    }
    for (let again = true; ; again = false) {
      const { value: record, objects, reused } = await executor.run(job, { ...context, onEvent })
      const { weights } = objects
      if (weights === undefined || !fits(candidateRecordShape, record))
        throw new SheikhError(
          'stage-failed',
          'Cannot use what a worker made: it is not weights and a record. Correct the trainer.',
        )
      try {
        await store.objects.getDirectory(weights, directory, context)
        return { weights: await rereadWeightsDirectory(directory, context), record, kept: reused }
      } catch (error) {
        // The store has put the damaged object aside, so that the job is done again.
        const isDamaged = isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')
        if (!again || !reused || !isDamaged) throw error
        context.log.warn(`The ${noun} "${name}" is trained again: ${error.message}`)
      }
    }
  }
  return {
    train,
    end: async () => {
      if (key !== null) await store.checkpoints?.remove(key)
    },
  }
}
