import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestJson, identityOf, type Json } from '../core/index.js'
import type { Model } from '../model/index.js'
import { removeQuietly } from '../store/index.js'
import type { Candidate, FitContext, FitRequest } from '../trainer/index.js'
import { memberFolder } from './ensemble-file.js'
import { keepMember, keptMember } from './kept-member.js'
import { type Member, ofMember, seedOf } from './member.js'
import { memberProgress } from './member-progress.js'

/** A trained member. */
export interface TrainedMember<I> extends Candidate {
  readonly name: string
  readonly share: number
  /** What trained it. */
  readonly trainer: { readonly name: string; readonly version?: string | undefined }
  readonly load: () => Promise<Model<I>>
}

/**
 * Trains the members one after the other into `members/<name>/`. A member that an interrupted training had finished is taken from
 * the folder for checkpoints.
 */
export async function trainMembers<I, T>(
  members: readonly Member<I, T>[],
  request: FitRequest<I, T>,
  context: FitContext,
): Promise<readonly TrainedMember<I>[]> {
  const progress = memberProgress(members.length, context.progress)
  const trained: TrainedMember<I>[] = []
  for (const member of members) {
    const { kept, ...candidate } = await trainHere(member, request, { ...context, progress: progress.of(member.index) })
    progress.end(member.index, kept)
    trained.push(trainedMember(member, candidate, context))
  }
  return trained
}

function trainedMember<I, T>(
  { name, share, trainer }: Member<I, T>,
  { weights, record }: Candidate,
  context: FitContext,
): TrainedMember<I> {
  const { version } = trainer
  const made = { name: trainer.name, ...(version !== undefined && { version }) }
  return { name, share, trainer: made, weights, record, load: () => trainer.load(weights, context) }
}

async function trainHere<I, T>(
  { name, index, trainer }: Member<I, T>,
  { directory, checkpoints, seed, ...rows }: FitRequest<I, T>,
  context: FitContext,
): Promise<Candidate & { readonly kept: boolean }> {
  const folder = memberFolder(directory, name)
  const request = { ...rows, seed: seedOf(seed, index), directory: folder }
  const place = checkpoints === undefined ? undefined : join(checkpoints, name)
  try {
    const training = await trainingOf(trainer, request, context)
    const finished = training !== undefined && place !== undefined ? { training, place } : undefined
    const kept = finished && (await keptMember(finished.place, finished.training, folder, context))
    if (kept !== undefined) return { ...kept, kept: true }
    await mkdir(folder, { recursive: true })
    const own = place === undefined ? undefined : join(place, 'training')
    if (own !== undefined) await mkdir(own, { recursive: true })
    const candidate = await trainer.fit({ ...request, checkpoints: own }, context)
    if (finished !== undefined) await keepMember(finished.place, finished.training, candidate, context)
    if (own !== undefined) await removeQuietly(own)
    return { ...candidate, kept: false }
  } catch (error) {
    context.signal.throwIfAborted()
    throw ofMember(error, name)
  }
}

/** All that decides the weights of a member. `undefined`: the trainer has no version. */
async function trainingOf<I, T>(
  trainer: Member<I, T>['trainer'],
  { seed, training, development, base }: Pick<FitRequest<I, T>, 'seed' | 'training' | 'development' | 'base'>,
  context: FitContext,
): Promise<Digest | undefined> {
  const identity = identityOf(trainer)
  if (identity === undefined) return undefined
  return digestJson({
    ...{ trainer: identity, seed, training: training.digest, development: development?.digest ?? null },
    ...{ base: base?.digest ?? null, environment: ((await trainer.environment?.(context)) ?? null) as Json },
  })
}
