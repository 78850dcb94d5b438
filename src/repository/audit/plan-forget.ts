import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../../core/index.js'
import { pinnedFile } from '../../dataset/index.js'
import { baselineFolder } from '../baseline/index.js'
import { evaluationPath, samplesPath, storePath } from '../layout.js'
import type { AuditProblem, AuditProject } from './audit-project.js'
import { type SamplePlace, traceSample } from './blame-sample.js'
import { type ReleaseWithSample, releasesWithSample } from './forget-releases.js'
import { type ForgetStep, forgetSteps } from './forget-steps.js'
import { namedFilesOf, type SampleBlob, type SampleEvent } from './sample-events.js'
import { type FoundFile, searchFolder, textsOf } from './search-files.js'

/** What must be done to erase a sample. JSON. Nothing is changed, and the text of the sample is not part of it. */
export interface ForgetPlan {
  readonly id: string
  /** Where it is in the work tree. */
  readonly now?: SamplePlace | undefined
  /** Its digest in the evaluation set. Absent: it is not pinned. */
  readonly pinned?: Digest | undefined
  /** Releases with any trace of it, newest first. */
  readonly releases: readonly ReleaseWithSample[]
  /** Files on this machine that contain its text, its id or a digest of it. */
  readonly files: readonly SampleFile[]
  /** What Git keeps, also after the sample is removed. */
  readonly history: {
    /** The commits of HEAD that added, changed, moved or removed it, newest first. */
    readonly events: readonly SampleEvent[]
    /** The versions of files that contain it. */
    readonly blobs: readonly SampleBlob[]
  }
  readonly steps: readonly ForgetStep[]
  /** What cannot be known from here. */
  readonly limits: readonly string[]
  readonly problems: readonly AuditProblem[]
}

/** A file with a trace of a sample. */
export interface SampleFile extends FoundFile {
  /** `store`: `.sheikh/`. `baseline`: `.sheikh-gate/`. `other`: reports, releases in a folder of the project, and anything else. */
  readonly place: 'samples' | 'evaluation-set' | 'store' | 'baseline' | 'other'
}

const limits: readonly string[] = [
  'Clones, forks and downloaded models on other machines are not known here.',
  'Files are searched for the id as a word, for texts of at least 16 characters and for digests. Compressed files, paraphrases and translations are not found, and a file may contain an equal text of another sample.',
  'A model that was trained on the sample may reproduce parts of it, and a vocabulary may contain its words. Only training without it removes them.',
  'Reports outside this project, job summaries, comments on pull requests, logs, notifications and caches of CI are not searched.',
  'Only the history of HEAD is searched. Other branches, tags and the reflog may contain it.',
]

/** @throws `not-found` with the nearest ids. */
export async function planForget(id: string, project: AuditProject): Promise<ForgetPlan> {
  const { composition, context, git, root, shared, bucket } = project
  const trace = await traceSample(id, 'plan to forget', project)
  const { trouble, row, now, inGit, history } = trace
  const releases = await releasesWithSample(id, history, trace.releases, context)
  const set = await trouble.attempt('evaluation-set', () => pinnedFile(join(root, evaluationPath)).read(context))
  const pinned = set?.items.find((item) => item.id === id)?.digest
  const files = await filesWith(trace, pinned, project)
  if (shared !== root)
    trouble.add(
      'files',
      'storage-failed',
      `This is a linked work tree. The store and the files of the main one were not searched. Run the same command in ${shared}`,
    )
  const { warmStart } = composition.configuration.training
  const clean = history.find(
    ({ version, withdrawn, removedAtMs }) =>
      withdrawn === undefined && removedAtMs === undefined && releases.every((release) => release.version !== version),
  )
  const { hub, samples } = composition.configuration.dataset
  const folder = samples?.directory ?? samplesPath
  const startsFrom = releases.find(({ version, trainedOn }) => version === warmStart?.version && trainedOn !== false)
  const steps = forgetSteps({
    ...(row !== undefined &&
      composition.source === undefined && {
        file: {
          path: hub === undefined ? `${folder}/${row.path}` : row.path,
          ...{ position: row.position, isAlone: row.position === '', hub: hub?.repository },
        },
      }),
    use: now?.use,
    isPinned: pinned !== undefined,
    releases,
    cleanVersion: clean?.version,
    channel: composition.configuration.release.channel ?? 'latest',
    startsFrom: startsFrom?.version,
    baselines: files.flatMap(({ place, path }) => (place === 'baseline' ? [path] : [])),
    hasStore: bucket !== undefined || existsSync(join(shared, storePath)),
    bucket,
    blobs: [...inGit.blobs, ...inGit.files],
    namedFiles: namedFilesOf(trace.sample, composition.configuration.dataset.files),
    evaluationPath: project.project === '' ? evaluationPath : `${project.project}/${evaluationPath}`,
  })
  return {
    id,
    ...(now !== undefined && { now }),
    ...(pinned !== undefined && { pinned }),
    releases,
    files,
    history: { events: inGit.events, blobs: [...inGit.blobs, ...inGit.files] },
    steps,
    limits: git.isShallow() ? [...limits, 'This clone is shallow: older commits were not searched.'] : limits,
    problems: trouble.all,
  }
}

async function filesWith(
  { id, row, sample, inGit, trouble }: Awaited<ReturnType<typeof traceSample>>,
  pinned: Digest | undefined,
  { composition, context, git, root }: AuditProject,
): Promise<readonly SampleFile[]> {
  const digests = [pinned, row?.digest, row?.sampleDigest, ...inGit.digests].flatMap((digest) => digest ?? [])
  const needles = {
    id,
    texts: [...new Set([sample, ...inGit.values].flatMap(textsOf))],
    digests: [...new Set(digests)],
  }
  const isLeftOut = (path: string) => /(^|\/)(\.git|node_modules)$/.test(path)
  const inProject = await searchFolder(root, needles, { skip: isLeftOut, context })
  // Baselines are at the top of the repository, which may be above the project.
  const isAbove = git.root !== root
  const above = isAbove
    ? await searchFolder(join(git.root, baselineFolder), needles, { skip: isLeftOut, context })
    : { found: [], unread: [] }
  const unread = [...inProject.unread, ...above.unread]
  if (unread.length > 0)
    trouble.add(
      'files',
      'storage-failed',
      `${unread.length} files or folders could not be searched: ${unread.slice(0, 5).join(', ')}. Check their permissions.`,
    )
  const samples = composition.configuration.dataset.samples?.directory ?? samplesPath
  const placeOf = (path: string): SampleFile['place'] => {
    if (path === evaluationPath) return 'evaluation-set'
    if (path.startsWith(`${samples}/`)) return 'samples'
    if (path.startsWith(`${storePath}/`)) return 'store'
    return path.startsWith(`${baselineFolder}/`) ? 'baseline' : 'other'
  }
  return [
    ...inProject.found.map((file) => ({ ...file, place: placeOf(file.path) })),
    ...above.found.map(({ path, content }) => ({
      ...{ path: `${baselineFolder}/${path}`, content },
      place: 'baseline' as const,
    })),
  ]
}
