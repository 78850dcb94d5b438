import { canonicalJson, identityOf, isSheikhError, type Json } from '../../core/index.js'
import type { DatasetSnapshot, DatasetSummary } from '../../dataset/index.js'
import { readWeightsDirectory } from '../../model/index.js'
import type { Candidate, CandidateRecord, Trainer, TrainerEnvironment } from '../../trainer/index.js'
import { type Key, keyOf } from '../keys.js'
import type { Session } from '../session.js'

/** The key of training: all that decides the weights. `undefined` where the trainer has no version. */
export function trainKey(
  trainer: Trainer<never, never>,
  { trainingDigest, developmentDigest }: Pick<DatasetSummary, 'trainingDigest' | 'developmentDigest'>,
  seed: number,
  environment: TrainerEnvironment | undefined,
): Key | undefined {
  const identity = identityOf(trainer)
  if (identity === undefined) return undefined
  return keyOf({
    kind: 'train',
    training: trainingDigest,
    ...(developmentDigest !== undefined && { development: developmentDigest }),
    trainer: identity,
    seed,
    environment: (environment ?? null) as unknown as Json,
  })
}

export function trainStage(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  forced: boolean,
): Promise<Candidate> {
  return session
    .stage('train', async () => {
      const { trainer, store, seed = 0 } = session.options
      const environment = await trainer.environment?.(session.context)
      const key = trainKey(trainer, snapshot.summary, seed, environment)
      const kept = key === undefined || forced ? undefined : await cachedCandidate(session, key)
      if (kept !== undefined) return { value: kept, cached: true, key }

      const directory = await session.folder('weights')
      // A forced training shows that it can be made from nothing.
      const checkpoints = key === undefined || forced ? undefined : await store.checkpoints?.folder(key.digest)
      const candidate = await fitInto(session, snapshot, directory, checkpoints)
      const files = await store.objects.putDirectory(candidate.weights.path, session.context)
      if (key !== undefined)
        await store.keys.put({
          formatVersion: 1,
          key: key.digest,
          parts: key.parts,
          value: candidate.record as unknown as Json,
          files,
          runId: session.runId,
          atMs: session.context.clock.nowMs(),
        })
      if (key !== undefined) await store.checkpoints?.remove(key.digest)
      return { value: candidate, cached: false, key }
    })
    .then(async (candidate) => {
      await session.update({ candidate: { weights: candidate.weights.digest, record: candidate.record } })
      return candidate
    })
}

/** Has the trainer train, and says how far it is. */
export async function fitInto(
  session: Session,
  { training, development }: DatasetSnapshot<unknown, unknown>,
  directory: string,
  checkpoints?: string | undefined,
): Promise<Candidate> {
  const { trainer, seed = 0 } = session.options
  const fitted = await trainer.fit(
    {
      ...{ training, seed, directory },
      ...(development !== undefined && { development }),
      ...(checkpoints !== undefined && { checkpoints }),
    },
    { ...session.context, progress: (progress) => session.emit({ type: 'train-progress', ...progress }) },
  )
  session.context.signal.throwIfAborted()
  // Whatever the trainer says of its weights, what counts is what is in the folder.
  return {
    weights: await readWeightsDirectory(fitted.weights.path, session.context),
    record: session.hide(fitted.record),
  }
}

/** The candidate under this key, every file hashed again. A damaged one is said and made anew. */
async function cachedCandidate(session: Session, key: Key): Promise<Candidate | undefined> {
  const { store } = session.options
  const kept = await store.keys.get(key.digest)
  if (kept?.files === undefined || canonicalJson(kept.parts) !== canonicalJson(key.parts)) return undefined
  const directory = await session.folder('weights')
  try {
    await store.objects.getDirectory(kept.files, directory, session.context)
  } catch (error) {
    if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
    session.warn('The weights kept from an earlier run are damaged or gone: training again.', { key: key.digest })
    return undefined
  }
  return {
    weights: await readWeightsDirectory(directory, session.context),
    record: kept.value as unknown as CandidateRecord,
  }
}
