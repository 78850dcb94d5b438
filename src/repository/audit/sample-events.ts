import { readFile } from 'node:fs/promises'
import type { Digest } from '../../core/index.js'
import {
  type FoundSample,
  findSample,
  largeFileAt,
  namedPaths,
  pathProblem,
  sampleFormatOf,
} from '../../dataset/index.js'
import type { Release } from '../../releaser/index.js'
import { lfsPointerOf } from '../../store/index.js'
import type { Configuration } from '../config/index.js'
import type { PastCommit, PathChange } from '../git/index.js'
import { filesPath, samplesPath } from '../layout.js'
import type { AuditProject, Problems } from './audit-project.js'
import { type CommitFacts, commitFacts, pullRequestsOf } from './commit-facts.js'
import { configurationReader } from './configuration-at-commit.js'
import { withoutMovesToLfs } from './moved-to-lfs.js'

/** What a commit did to a sample. JSON. */
export interface SampleEvent extends CommitFacts {
  /** `present`: the oldest commits of a shallow clone, of which the changes are unknown, have it. */
  readonly change: 'added' | 'changed' | 'moved' | 'removed' | 'present'
  /** The file, below the repository's root; of a removed sample, the file that it was in. */
  readonly path: string
  /** `line 3`, `[2]`; empty for a file with a single sample. Of a removed sample, where it was. */
  readonly position: string
  /** For `moved`: the file that it was in. */
  readonly movedFrom?: string | undefined
  /** For `moved`: whether its content changed too. */
  readonly edited?: boolean | undefined
}

/** A version of a file of samples that contains the sample. */
export interface SampleBlob {
  /** The id of the Git blob. */
  readonly blob: string
  /** Below the repository's root. */
  readonly path: string
  /** True: the file contains no other sample. */
  readonly isAlone: boolean
}

export interface SampleInGit {
  /** Newest first. */
  readonly events: readonly SampleEvent[]
  readonly blobs: readonly SampleBlob[]
  /** Versions of the files that it names. */
  readonly files: readonly SampleBlob[]
  /** The versions of the sample, as they were in its files. */
  readonly values: readonly unknown[]
  readonly digests: readonly Digest[]
}

export const nowhere: SampleInGit = { events: [], blobs: [], files: [], values: [], digests: [] }

type Found = FoundSample & Pick<SampleBlob, 'path' | 'blob'>

// As the largest file of samples that a run reads.
const maximumBytes = 100_000_000

/** The folder of samples that a configuration names, below the repository's root. */
export function sampleFolder(project: string, { dataset }: Configuration): string {
  const path = dataset.samples?.directory ?? samplesPath
  return project === '' ? path : `${project}/${path}`
}

/** The folders of samples now and at the commit of each release, below the repository's root. */
async function sampleFolders(
  { git, project, composition, context }: AuditProject,
  history: readonly Release[],
  problems: Problems,
): Promise<readonly string[]> {
  const configurationAt = configurationReader(git, project, context)
  const folders = new Set([
    project === '' ? samplesPath : `${project}/${samplesPath}`,
    sampleFolder(project, composition.configuration),
  ])
  for (const commit of new Set(history.flatMap(({ record }) => record.commit ?? []))) {
    // What such a release used is unknown, and the list of releases says so.
    if ((await git.readCommit(commit)) === undefined) continue
    const past = await problems.attempt('history', () => configurationAt(commit))
    if (past !== undefined) folders.add(sampleFolder(project, past))
  }
  return [...folders]
}

/**
 * The commits of HEAD that added, changed, moved or removed a sample, in the folders of now and of the releases. Git names the commits that touched files of samples;
 * every version of such a file is read once, and only what can contain the id is parsed.
 */
export async function sampleEvents(
  id: string,
  releases: readonly Release[],
  project: AuditProject,
  problems: Problems,
): Promise<SampleInGit> {
  const { git, context } = project
  const head = await git.head()
  if (head === undefined) return nowhere
  const folders = await sampleFolders(project, releases, problems)
  const history =
    (await problems.attempt('commits', () => git.history({ to: head.oid, paths: folders }, context))) ?? []
  const commits: { readonly commit: PastCommit; readonly changes: readonly PathChange[] }[] = []
  for (const commit of history)
    commits.push({ commit, changes: commit.changes ?? (await present(commit, folders, project)) })
  if (history.some(({ changes }) => changes === undefined))
    problems.add(
      'commits',
      'not-found',
      'This shallow clone lacks older commits, so where the sample comes from may be unknown. Fetch the rest: git fetch --unshallow',
    )
  const found = await findInBlobs(
    id,
    commits.flatMap(({ changes }) => changes),
    { folders, project, problems },
  )
  // Merges too, which may touch no sample.
  const all = found.size === 0 ? [] : await problems.attempt('commits', () => git.history({ to: head.oid }, context))
  const pullRequests = pullRequestsOf(all ?? [])
  const events = commits.flatMap(({ commit, changes }): SampleEvent[] => {
    const event = eventOf(changes, found)
    if (event === undefined) return []
    const isKnown = commit.changes !== undefined
    return [{ ...commitFacts(commit, pullRequests), ...event, ...(!isKnown && { change: 'present' as const }) }]
  })
  const files = await fileHistory([...found.values()], head.oid, project, problems)
  const edits = (await problems.attempt('history', () => withoutMovesToLfs(files, git, context))) ?? files
  const ofFiles = new Map(
    edits.flatMap((commit) => {
      const [change] = commit.changes ?? []
      if (change === undefined) return []
      return [[commit.oid, { ...commitFacts(commit, pullRequests), ...fileChange, path: change.path }] as const]
    }),
  )
  return {
    events: ofFiles.size === 0 ? events : withFileEvents(events, ofFiles, all ?? []),
    files: versionsIn(files.flatMap(({ changes = [] }) => changes)),
    blobs: [...found.values()].map(({ blob, path, isAlone }) => ({ blob, path, isAlone })),
    // One of each version: most commits change other samples of the file.
    values: [...new Map([...found.values()].map(({ digest, value }) => [digest, value])).values()],
    digests: [...new Set([...found.values()].flatMap(({ digest }) => digest ?? []))],
  }
}

/** The versions of files, each once: what a commit leaves is what the next one finds. */
function versionsIn(changes: readonly PathChange[]): readonly SampleBlob[] {
  const versions = new Map<string, SampleBlob>()
  for (const { path, before, after } of changes)
    for (const blob of [...before, ...(after === undefined ? [] : [after])])
      versions.set(`${blob} ${path}`, { blob, path, isAlone: true })
  return [...versions.values()]
}

const fileChange = { change: 'changed', position: '' } as const

/** Files that a sample names, below the project's folder. */
export function namedFilesOf(sample: unknown, fields: readonly string[] = []): readonly string[] {
  const named = namedPaths(sample, fields)
  if (typeof named === 'string') return []
  return named.flatMap(({ path }) => (pathProblem(path) === undefined ? [`${filesPath}/${path}`] : []))
}

/** The commits of HEAD that touched files that a version of the sample names, newest first. */
async function fileHistory(
  versions: readonly Found[],
  head: string,
  { git, project, composition, context }: AuditProject,
  problems: Problems,
): Promise<readonly PastCommit[]> {
  const { files: fields } = composition.configuration.dataset
  if (fields === undefined) return []
  const paths = new Set<string>()
  for (const { value } of versions)
    for (const path of namedFilesOf(value, fields)) paths.add(project === '' ? path : `${project}/${path}`)
  if (paths.size === 0) return []
  return (await problems.attempt('commits', () => git.history({ to: head, paths: [...paths] }, context))) ?? []
}

/** Adds the commits that changed only files of the sample, while it was there. @param commits of HEAD, newest first. */
function withFileEvents(
  events: readonly SampleEvent[],
  ofFiles: ReadonlyMap<string, SampleEvent>,
  commits: readonly PastCommit[],
): readonly SampleEvent[] {
  const own = new Map(events.map((event) => [event.commit, event]))
  let isThere = false
  const merged = commits.toReversed().flatMap(({ oid }) => {
    const event = own.get(oid)
    if (event !== undefined) isThere = event.change !== 'removed'
    const file = isThere ? ofFiles.get(oid) : undefined
    return event ?? file ?? []
  })
  return merged.reverse()
}

/** All files of samples of a commit, as if it had added them. */
async function present(
  { oid }: PastCommit,
  folders: readonly string[],
  { git }: AuditProject,
): Promise<readonly PathChange[]> {
  const files = [...(await git.tree(oid, folders)).values()]
  return files.map(({ path, oid: after }) => ({ path, change: 'added', before: [], after }))
}

const keyOf = (blob: string, path: string) => `${blob} ${path}`

/** Reads each version of the files once. @returns those with the sample, by blob and path. */
async function findInBlobs(
  id: string,
  changes: readonly PathChange[],
  within: { readonly folders: readonly string[]; readonly project: AuditProject; readonly problems: Problems },
): Promise<ReadonlyMap<string, Found>> {
  const { folders, project, problems } = within
  const { git, context, composition } = project
  const idField = composition.configuration.dataset.projection.id
  const paths = new Map<string, Set<string>>()
  for (const { path, before, after } of changes) {
    if (sampleFormatOf(path) === undefined) continue
    for (const blob of [...before, ...(after === undefined ? [] : [after])])
      paths.set(blob, (paths.get(blob) ?? new Set()).add(path))
  }
  const found = new Map<string, Found>()
  const unread = new Map<string, Set<string>>()
  const addUnread = (fact: string, path: string) => unread.set(fact, (unread.get(fact) ?? new Set()).add(path))
  for await (const { oid, content } of git.readBlobs([...paths.keys()], maximumBytes, context))
    for (const path of paths.get(oid)!) {
      if (content === undefined) {
        addUnread('this clone lacks them, or they are larger than 100 MB', path)
        continue
      }
      const folder = folders.find((one) => path.startsWith(`${one}/`))
      const below = folder === undefined ? path : path.slice(folder.length + 1)
      const whole = await wholeContent(content, path, project)
      if (typeof whole === 'string') {
        addUnread(whole, path)
        continue
      }
      const { found: sample, problem } = await findSample(below, whole, { id, idField, maximumBytes })
      if (problem !== undefined) addUnread(problem, path)
      if (sample !== undefined) found.set(keyOf(oid, path), { ...sample, path, blob: oid })
    }
  // One problem for each cause: there may be thousands of files.
  for (const [fact, files] of unread)
    problems.add(
      'history',
      'dataset-invalid',
      `Some versions of ${[...files].slice(0, 5).join(', ')}${files.size > 5 ? ` and ${files.size - 5} other files` : ''} could not be read (${fact}), so changes there may be missing.`,
    )
  return found
}

/** The file that a blob is a Git LFS pointer to; any other blob as it is. @returns as text, why the file cannot be read. */
async function wholeContent(
  content: Uint8Array,
  path: string,
  { composition: { largeFiles }, context }: AuditProject,
): Promise<Uint8Array | string> {
  const pointer = lfsPointerOf(content)
  if (pointer === undefined) return content
  class Unfetched extends Error {}
  const problem = (message: string) => new Unfetched(message)
  try {
    return await readFile(await largeFileAt(pointer, path, { largeFiles, maximumBytes, problem }, context))
  } catch (error) {
    context.signal.throwIfAborted()
    // After an error that may not occur again, the rest would look like the complete history.
    if (error instanceof Unfetched) return error.message
    throw error
  }
}

type Change = Pick<SampleEvent, 'change' | 'path' | 'position' | 'movedFrom' | 'edited'>

/** What a commit did, by the files that it changed. */
function eventOf(changes: readonly PathChange[], found: ReadonlyMap<string, Found>): Change | undefined {
  const was: Found[] = []
  const is: Found[] = []
  for (const { path, before, after } of changes) {
    was.push(...before.flatMap((blob) => found.get(keyOf(blob, path)) ?? []))
    is.push(...(after === undefined ? [] : [found.get(keyOf(after, path))]).flatMap((one) => one ?? []))
  }
  const [now] = is
  const [earlier] = was
  if (now === undefined) return earlier && { change: 'removed', path: earlier.path, position: earlier.position }
  const { path, position } = now
  if (earlier === undefined) return { change: 'added', path, position }
  const edited = was.every(({ digest }) => digest !== now.digest)
  if (was.every((one) => one.path !== path)) return { change: 'moved', path, position, movedFrom: earlier.path, edited }
  return edited ? { change: 'changed', path, position } : undefined
}
