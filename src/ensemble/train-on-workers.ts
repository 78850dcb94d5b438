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
  type TrainProgress,
} from '../trainer/index.js'
import { memberFolder } from './ensemble-file.js'
import { type Member, seedOf } from './member.js'
import { type MemberHints, type MemberInput, memberKindName } from './member-kind.js'

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
  { executor, store }: MemberWorkers,
  members: readonly Member<I, T>[],
  { training, development, seed, base, checkpoints, directory }: FitRequest<I, T>,
  context: FitContext,
): Promise<{ readonly train: TrainMember<I, T>; readonly end: () => Promise<void> }> {
  const { path, manifest } = base ?? {}
  const kept = path === undefined ? undefined : await store.objects.putDirectory(path, context, { manifest })
  const objects = kept === undefined ? {} : { base: kept }
  const inputs: MemberInput[] = []
  for (const { name, index, trainer } of members) {
    inputs.push({
      ...{ member: name, seed: seedOf(seed, index), once: null },
      expected: {
        ...(await partsOfTrainer(trainer, context)),
        'training data': training.digest,
        'development data': development?.digest ?? null,
      },
    })
  }
  const key = checkpoints === undefined ? null : digestJson({ members: inputs, objects } as unknown as Json)
  const hints: MemberHints = { checkpoints: key }

  async function train({ name, index }: Member<I, T>, { progress, ...context }: FitContext) {
    const input = inputs[index]!
    // As `FitRequest.checkpoints`: what was trained before is used only if the caller allows that.
    const isRepeatable = checkpoints !== undefined && input.expected['trainer'] !== null
    const job: Job<MemberInput, Json> = {
      ...{ kind: memberKindName, objects, hints },
      input: isRepeatable ? input : { ...input, once: randomUUID() },
    }
    const onEvent = (event: JobEvent) => {
      if (event.type === 'job-retry') context.log.warn(`The member "${name}" is trained again: ${event.reason}`)
      if (event.type === 'job-progress') progress(event.progress as unknown as TrainProgress)
    }
    const folder = memberFolder(directory, name)
    for (let again = true; ; again = false) {
      const { value: record, objects, reused } = await executor.run(job, { ...context, onEvent })
      const { weights } = objects
      if (weights === undefined || !fits(candidateRecordShape, record))
        throw new SheikhError(
          'stage-failed',
          'Cannot use what a worker made: it is not weights and a record. Correct the trainer.',
        )
      try {
        await store.objects.getDirectory(weights, folder, context)
        return { weights: await rereadWeightsDirectory(folder, context), record, kept: reused }
      } catch (error) {
        // The store has put the damaged object aside, so that the job is done again.
        const isDamaged = isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')
        if (!again || !reused || !isDamaged) throw error
        context.log.warn(`The member "${name}" is trained again: ${error.message}`)
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
