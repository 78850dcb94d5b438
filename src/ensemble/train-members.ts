import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestJson, identityOf, inParallel, type Json } from '../core/index.js'
import type { Model } from '../model/index.js'
import { removeQuietly } from '../store/index.js'
import type { Candidate, FitContext, FitRequest } from '../trainer/index.js'
import { memberFolder } from './ensemble-file.js'
import { keepMember, keptMember } from './kept-member.js'
import { type Member, ofMember, seedOf } from './member.js'
import { memberProgress } from './member-progress.js'
import { isReleasedMember } from './released-member.js'
import { type MemberWorkers, type TrainMember, trainOnWorkers } from './train-on-workers.js'

/** A trained member. */
export interface TrainedMember<I> extends Candidate {
  readonly name: string
  readonly share: number
  /** What trained it. */
  readonly trainer: { readonly name: string; readonly version?: string | undefined }
  readonly load: () => Promise<Model<I>>
}

/**
 * Trains the members into `members/<name>/`, one after the other or on workers at once. After a failure, the others are aborted.
 *
 * A member that an interrupted training had finished is not trained again.
 */
export async function trainMembers<I, T>(
  members: readonly Member<I, T>[],
  request: FitRequest<I, T>,
  workers: MemberWorkers | undefined,
  context: FitContext,
): Promise<readonly TrainedMember<I>[]> {
  const progress = memberProgress(members.length, context.progress)
  const onWorkers = workers && (await trainOnWorkers(workers, members, request, context))
  const train: TrainMember<I, T> = (member, context) =>
    onWorkers === undefined || isTrainedHere(member)
      ? trainHere(member, request, context)
      : onWorkers.train(member, context)
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const trained = await inParallel(members, onWorkers === undefined ? 1 : members.length, async (member) => {
    try {
      const { kept, ...made } = await train(member, { ...context, signal, progress: progress.of(member.index) })
      progress.end(member.index, kept)
      return trainedMember(member, made, context)
    } catch (error) {
      signal.throwIfAborted()
      const failure = ofMember(error, member.name)
      stop.abort(failure)
      throw failure
    }
  })
  await onWorkers?.end()
  return trained
}

/** Only the pipeline, here, opens releases. As a job, a training that waits for workers could wait for itself. */
const isTrainedHere = <I, T>({ trainer: { releases = [], usesWorkers } }: Member<I, T>) =>
  releases.length > 0 || usesWorkers === true

function trainedMember<I, T>(
  { name, share, trainer }: Member<I, T>,
  { weights, record }: Candidate,
  context: FitContext,
): TrainedMember<I> {
  const { name: by, version } = isReleasedMember(trainer) ? trainer.loader : trainer
  const made = { name: by, ...(version !== undefined && { version }) }
  return { name, share, trainer: made, weights, record, load: () => trainer.load(weights, context) }
}

async function trainHere<I, T>(
  { name, index, trainer }: Member<I, T>,
  { directory, checkpoints, seed, ...rows }: FitRequest<I, T>,
  context: FitContext,
): ReturnType<TrainMember<I, T>> {
  const folder = memberFolder(directory, name)
  const request = { ...rows, seed: seedOf(seed, index), directory: folder }
  const place = checkpoints === undefined ? undefined : join(checkpoints, name)
  // A copy of a release is not worth another one.
  const training = isReleasedMember(trainer) ? undefined : await trainingOf(trainer, request, context)
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
