import { type Digest, isSheikhError, messageOf } from '../core/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import { type Release, type ReleaseRecord, weightsOf } from '../releaser/index.js'
import type { Candidate } from '../trainer/index.js'
import { latestReleaseOf } from './lookup.js'
import { openBase } from './named-base.js'
import type { RunRecord } from './run-result.js'
import type { Session } from './session.js'

/** What a release keeps of its training, so that another machine finds its weights by the key. */
export function trainingOf({ stages, candidate }: RunRecord): ReleaseRecord['training'] {
  const key = stages.findLast(({ name }) => name === 'train')?.key
  return key === undefined || candidate === undefined ? undefined : { key, weights: candidate.weights }
}

/** The newest release that contains the weights of this training key as the trainer made them. */
export function releasedUnder(history: readonly Release[], key: Digest | undefined): Release | undefined {
  if (key === undefined) return undefined
  return history.find(({ record: { training, candidate }, bundle, manifest, withdrawn, removedAtMs }) => {
    if (training?.key !== key || candidate === undefined || removedAtMs !== undefined) return false
    if (withdrawn !== undefined || latestReleaseOf(history, bundle)?.withdrawn !== undefined) return false
    // A host's stage may have changed the weights after the training.
    return weightsOf({ digest: bundle, manifest, directory: '' }).digest === training.weights
  })
}

/** The candidate of such a release, every file hashed. `undefined`: it has to be trained. */
export async function releasedCandidate(
  session: Session,
  key: Digest,
  history: readonly Release[],
): Promise<Candidate | undefined> {
  const release = releasedUnder(history, key)
  if (release === undefined) return undefined
  const { version, record } = release
  try {
    const { path } = await openBase(session, { release })
    return { weights: await rereadWeightsDirectory(path, session.context), record: record.candidate! }
  } catch (error) {
    session.context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    session.warn(`The weights of the release ${version} cannot be used: ${messageOf(error)} Training again.`, {
      version,
    })
    return undefined
  }
}
