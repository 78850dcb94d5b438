import { nearestNames, SheikhError } from '../../core/index.js'
import type { DatasetContents, DescribedRow } from '../../dataset/index.js'
import type { Release } from '../../releaser/index.js'
import { readOnlyDocuments } from '../../store/index.js'
import { refuseIncomplete } from '../whole-checkout.js'
import { type AuditProblem, type AuditProject, Problems, readRecords } from './audit-project.js'
import { nowhere, type SampleEvent, type SampleInGit, sampleEvents, sampleFolder } from './sample-events.js'
import { type SampleRelease, type SampleUse, sampleReleases, useIn } from './sample-uses.js'

/** Who put a sample there, and which releases used it. JSON. Contains no text of the sample. */
export interface SampleBlame {
  readonly id: string
  /** Where it is in the work tree. Absent if it is not there, or if the dataset cannot be read. */
  readonly now?: SamplePlace | undefined
  /** The commits of HEAD that added, changed, moved or removed it, newest first. */
  readonly events: readonly SampleEvent[]
  /** Newest first; all that are known, also those that did not use it. */
  readonly releases: readonly SampleRelease[]
  /** What could not be read. */
  readonly problems: readonly AuditProblem[]
}

/** Where a sample is. */
export interface SamplePlace {
  /** The file, below the folder of samples. */
  readonly path: string
  /** `line 3`, `[2]`; empty for a file with a single sample. */
  readonly position: string
  readonly group?: string | undefined
  /** Absent if the dataset cannot be split. */
  readonly use?: SampleUse | undefined
}

/** What `blame` and `forget` know about a sample. */
export interface SampleTrace extends SampleBlame {
  readonly row?: DescribedRow | undefined
  /** The sample in the work tree. */
  readonly sample: unknown
  readonly inGit: SampleInGit
  readonly history: readonly Release[]
  readonly trouble: Problems
}

/** @throws `not-found` with the nearest ids. */
export async function blameSample(id: string, project: AuditProject): Promise<SampleBlame> {
  const {
    row: _row,
    sample: _sample,
    inGit: _inGit,
    trouble: _trouble,
    ...blame
  } = await traceSample(id, 'blame', project)
  return blame
}

export async function traceSample(id: string, act: string, project: AuditProject): Promise<SampleTrace> {
  const { composition, context } = project
  const trouble = new Problems(context)
  if (composition.source !== undefined)
    trouble.add(
      'history',
      'not-found',
      'The samples come from the source in sheikh.config, so no commit contains them.',
    )
  const records = await readRecords(project, trouble)
  const inGit = composition.source === undefined ? await sampleEvents(id, records.history, project, trouble) : nowhere
  // After the history, so that less is in memory while it is read.
  // An audit changes nothing, and a cache of the samples would be another copy of what is to be erased.
  const cached = { ...context, cache: readOnlyDocuments(composition.store.documents) }
  if (composition.source === undefined)
    await trouble.attempt('dataset', () => refuseIncomplete('read all samples', project, composition, context))
  const contents = await trouble.attempt('dataset', () => composition.dataset.contents(cached))
  const row = contents?.rows.find((one) => one.id === id)
  if (row === undefined && inGit.events.length === 0) throw unknownSample(id, act, contents, project, trouble)
  const snapshot = row && (await trouble.attempt('evaluation-set', () => composition.dataset.snapshot(cached)))
  return {
    id,
    ...(row !== undefined && {
      now: {
        path: row.path,
        position: row.position,
        ...(row.group !== undefined && { group: row.group }),
        ...(snapshot !== undefined && { use: await useIn(id, snapshot, async () => new Set([id])) }),
      },
    }),
    events: inGit.events,
    releases: await sampleReleases(id, records, project),
    problems: trouble.all,
    row,
    sample: row && (await trouble.attempt('dataset', () => contents!.samples(new Set([id]))))?.get(id),
    inGit,
    history: records.history,
    trouble,
  }
}

const mostNames = 3

function unknownSample(
  id: string,
  act: string,
  contents: DatasetContents | undefined,
  project: AuditProject,
  { all }: Problems,
): SheikhError {
  const ids = (contents?.rows ?? []).map((row) => row.id)
  const nearest = nearestNames(id, ids, mostNames)
  const remedy =
    nearest.length > 0
      ? `The nearest ids are ${nearest.map((name) => JSON.stringify(name)).join(', ')}.`
      : `Check the ids in ${sampleFolder(project.project, project.composition.configuration)}.`
  const unread = all.length === 0 ? '' : ` Not everything could be read: ${all.map(({ message }) => message).join(' ')}`
  return new SheikhError(
    'not-found',
    `Cannot ${act} ${JSON.stringify(id)}: no sample has this id, now or in an earlier commit. ${remedy}${unread}`,
    { facts: { id, nearest } },
  )
}
