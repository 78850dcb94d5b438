import { createRedactor, type Digest, digestJson, isSheikhError, messageOf, redactJson, toJson } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import { payloadFolders, type Release, type ReleaseRecord, type Version, weightsOf } from '../releaser/index.js'
import type { BaseRecord, Candidate, CandidateRecord } from '../trainer/index.js'
import { latestReleaseOf } from './lookup.js'
import { openBase } from './named-base.js'
import type { PayloadFile, PipelineParts } from './options.js'
import type { RunRecord } from './run-result.js'
import type { Session } from './session.js'
import { stagesOf } from './stage-values.js'

/** What a release keeps of its training, so that another machine finds its weights by the key. */
export function trainingOf(record: RunRecord): ReleaseRecord['training'] {
  const { candidate } = record
  const key = stagesOf(record).findLast(({ name }) => name === 'train')?.key
  return key === undefined || candidate === undefined ? undefined : { key, weights: candidate.weights }
}

/** The newest release that contains the weights of this training key as the trainer made them. */
export function releasedUnder(history: readonly Release[], key: Digest | undefined): Release | undefined {
  if (key === undefined) return undefined
  return history.find((release) => release.record.training?.key === key && hasTrainedWeights(release, history))
}

/**
 * The newest release whose weights were trained from the same rows with the same settings, seed and base, on whatever device and
 * with whatever packages.
 */
export function trainedFrom(
  { trainer, seed = 0, base, secrets }: PipelineParts,
  { trainingDigest, developmentDigest }: DatasetSummary,
  history: readonly Release[],
): Version | undefined {
  const keyOf = ({ trainer: { name, version, describe }, seed, trainingDigest, base }: MadeFrom) =>
    digestJson(toJson({ trainer: { name, version, describe }, seed, trainingDigest, base: base?.version }))
  const { name, version } = trainer
  // As it is in records.
  const settings = redactJson({ name, version, describe: trainer.describe() }, createRedactor(secrets))
  const now = keyOf({ trainer: settings, seed, trainingDigest, base })
  return history.find((release) => {
    const { candidate } = release.record
    if (candidate === undefined || keyOf(candidate) !== now) return false
    const { developmentDigest: development = developmentDigest } = candidate
    return development === developmentDigest && hasTrainedWeights(release, history)
  })?.version
}

/** Whether a release is these weights with these further files. A host's stage may change weights: then nobody knows yet. */
export function isBundle(
  { bundle, manifest }: Release,
  weights: Digest,
  payload: readonly PayloadFile[],
  { stages = [] }: PipelineParts,
): boolean {
  if (stages.some(({ writes }) => writes === 'candidate')) return false
  const digests = new Map(payload.map(({ path, digest }) => [path, digest]))
  const further = manifest.files.filter(({ path }) => payloadFolders.some((folder) => path.startsWith(`${folder}/`)))
  return (
    weightsOf({ digest: bundle, manifest, directory: '' }).digest === weights &&
    further.length === digests.size &&
    further.every(({ path, digest }) => digests.get(path) === digest)
  )
}

interface MadeFrom extends Pick<CandidateRecord, 'trainer' | 'seed' | 'trainingDigest'> {
  readonly base?: Pick<BaseRecord, 'version'> | undefined
}

/** Whether a release that a run may use contains the weights as the trainer made them: a host's stage may have changed them. */
function hasTrainedWeights(
  { record: { training, candidate }, bundle, manifest, withdrawn, removedAtMs }: Release,
  history: readonly Release[],
): boolean {
  if (training === undefined || candidate === undefined || removedAtMs !== undefined) return false
  if (withdrawn !== undefined || latestReleaseOf(history, bundle)?.withdrawn !== undefined) return false
  return weightsOf({ digest: bundle, manifest, directory: '' }).digest === training.weights
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
