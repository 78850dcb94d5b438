import { type CallContext, isSheikhError, type SheikhError } from '../../core/index.js'
import type { Dataset, DatasetSnapshot } from '../../dataset/index.js'
import type { Release, Version } from '../../releaser/index.js'
import { commitFolder } from '../commit-folder.js'
import { type AuditProject, missingCommit, type ReleaseRecords, trainedRelease } from './audit-project.js'

/**
 * What a dataset uses a sample for. `excluded-by-group`: it is of a group of the evaluation set. `not-selected`: it is
 * reserved for early stopping, or the settings do not select it.
 */
export type SampleUse = 'training' | 'evaluation' | 'excluded-by-group' | 'not-selected' | 'absent'

/** What a release used a sample for. JSON. */
export interface SampleRelease {
  readonly version: Version
  /** By the dataset of the release's commit, if it is the recorded one. */
  readonly use: SampleUse | 'unknown'
  /** Why it is unknown. */
  readonly reason?: string | undefined
  /** The release that training started from, or a release in an ensemble, that was trained on the sample, directly or in the same way. */
  readonly through?: Version | undefined
  /** The release that was trained, if this one is an earlier model again. */
  readonly restoredFrom?: Version | undefined
  /** The channels that point at it now. */
  readonly channels: readonly string[]
  readonly withdrawn: boolean
  /** Its files were removed to save space. */
  readonly removed: boolean
}

/** Whether the model of a release was trained on the sample, directly or through a release that it was made from. */
export const wasTrainedOn = ({ use, through }: Pick<SampleRelease, 'use' | 'through'>): boolean =>
  use === 'training' || through !== undefined

/** Whether the sample is in a dataset, and for what. */
export async function useIn(
  id: string,
  { summary, trainingRows, heldOut }: DatasetSnapshot<unknown, unknown>,
  ids: () => Promise<ReadonlySet<string>>,
): Promise<SampleUse> {
  if (trainingRows.some((row) => row.id === id)) return 'training'
  if (heldOut.some((row) => row.id === id))
    return summary.excludedByGroupIds.includes(id) ? 'excluded-by-group' : 'evaluation'
  const { development = 0, leftOut = 0 } = summary.counts
  return development + leftOut > 0 && (await ids()).has(id) ? 'not-selected' : 'absent'
}

type Known = Pick<SampleRelease, 'use' | 'reason'>

/** What each release used the sample for, newest first. The dataset of several releases is read once if it is the same. */
export async function sampleReleases(
  id: string,
  { history, channels }: ReleaseRecords,
  project: AuditProject,
): Promise<readonly SampleRelease[]> {
  const cache = new Map<string, Promise<Known>>()
  const uses = new Map<Version, SampleRelease>()
  // The oldest first: a release may be made of older ones.
  for (const release of history.toReversed()) {
    const trained = trainedRelease(release, history)
    const { version, withdrawn, removedAtMs } = release
    const { base, releases = [] } = trained?.record.candidate ?? {}
    const parts = releases.map(({ version }) => ({ version, act: 'was made with' }))
    if (base !== undefined) parts.unshift({ version: base.version, act: 'started from' })
    let use = await useOf(id, trained, project, cache)
    let through: Version | undefined
    for (const part of parts) {
      const earlier = uses.get(part.version)
      use = madeOf(part, earlier, use)
      if (earlier !== undefined && wasTrainedOn(earlier)) through ??= earlier.version
    }
    uses.set(version, {
      version,
      ...use,
      ...(through !== undefined && { through }),
      ...(trained !== undefined && trained.version !== version && { restoredFrom: trained.version }),
      channels: Object.keys(channels).filter((channel) => channels[channel] === version),
      withdrawn: withdrawn !== undefined,
      removed: removedAtMs !== undefined,
    })
  }
  return history.map(({ version }) => uses.get(version)!)
}

/** A release that was made of one of which nothing is known may have been trained on any sample. */
function madeOf(
  { version, act }: { readonly version: Version; readonly act: string },
  earlier: SampleRelease | undefined,
  own: Known,
): Known {
  const isKnown = earlier !== undefined && (earlier.use !== 'unknown' || wasTrainedOn(earlier))
  if (isKnown || own.use === 'training' || own.use === 'unknown') return own
  const reason = earlier?.reason ?? 'its record is gone'
  const itself = own.use === 'evaluation' ? 'it was evaluated with the sample, and' : 'it'
  return { use: 'unknown', reason: `${itself} ${act} ${version}, about which it is unknown: ${reason}` }
}

function useOf(
  id: string,
  trained: Release | undefined,
  project: AuditProject,
  known: Map<string, Promise<Known>>,
): Promise<Known> | Known {
  const unknown = (reason: string): Known => ({ use: 'unknown', reason })
  if (trained === undefined) return unknown('the record of the release that was trained is gone')
  const { commit, dataset, importedFrom } = trained.record
  if (importedFrom !== undefined) return unknown('it was imported, and its record does not say what it was trained on')
  if (commit === undefined || dataset === undefined) return unknown('its record names no commit')
  if (project.composition.source !== undefined)
    return unknown('its samples came from the source in sheikh.config, which no commit contains')
  const { fingerprint, trainingDigest, evaluationDigest } = dataset
  const key = JSON.stringify([fingerprint, trainingDigest, evaluationDigest])
  const found =
    known.get(key) ??
    useAtCommit(id, { commit, fingerprint, trainingDigest }, project).then((use) =>
      typeof use === 'object' ? use : { use },
    )
  known.set(key, found)
  return found
}

async function useAtCommit(
  id: string,
  recorded: { readonly commit: string; readonly fingerprint: string; readonly trainingDigest: string },
  { git, project, context, composition }: AuditProject,
): Promise<SampleUse | Known> {
  const { commit } = recorded
  if ((await git.readCommit(commit)) === undefined) return { use: 'unknown', reason: missingCommit(git, commit) }
  try {
    await using folder = await commitFolder(git, { commit, project }, context)
    const dataset = await folder.dataset(composition.datasetAt)
    const snapshot = await dataset.snapshot(context)
    const { summary } = snapshot
    if (summary.fingerprint !== recorded.fingerprint || summary.trainingDigest !== recorded.trainingDigest)
      return {
        use: 'unknown',
        reason: `the dataset of the commit ${commit.slice(0, 10)} is not the recorded one, as after a run with uncommitted changes`,
      }
    return await useIn(id, snapshot, () => idsOf(dataset, context))
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    return { use: 'unknown', reason: reasonOf(error, commit) }
  }
}

const reasonOf = ({ message }: SheikhError, commit: string) =>
  `the dataset of the commit ${commit.slice(0, 10)} cannot be read: ${message}`

export const idsOf = async (dataset: Dataset<unknown, unknown>, context: CallContext) =>
  new Set((await dataset.identities(context)).map(({ id }) => id))
