import { type CallContext, callContext, SheikhError } from '../../core/index.js'
import { loadConfiguration } from '../config/index.js'
import { changesNothing, type FileChange, type ProjectDiff } from '../diff/index.js'
import { findCommit, type Git } from '../git/index.js'
import type { Inspection } from '../inspect-project.js'
import { readPaths, samplesPath } from '../layout.js'
import { type AfterMergeSources, afterMerge } from './after-merge.js'
import { type MeasuredProject, type MeasureOptions, measureQuality } from './measure-quality.js'
import { type Review, reviewOf } from './review.js'

export interface ReviewOptions extends MeasureOptions {
  /** Trains base and HEAD, and measures what the change does to quality. @default false */
  readonly train?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reviews HEAD against a base.
 *
 * @throws `not-found` if the clone has no such base; `repository-dirty` if files differ from HEAD, because a review of them would
 * name a commit that does not contain them.
 */
export async function reviewProject(
  {
    base,
    inspect,
    diff,
    elsewhere,
    sources,
    ...place
  }: Omit<MeasuredProject, 'base'> & {
    /** A branch, a tag or a commit. */
    readonly base: string
    readonly inspect: () => Promise<Inspection>
    readonly diff: (from: string, to: string) => Promise<ProjectDiff>
    /** What a run reads beside the folders of the layout, below the repository's root. */
    readonly elsewhere: () => Promise<{ readonly code: readonly string[]; readonly data: readonly string[] }>
    readonly sources: AfterMergeSources
  },
  { train = false, signal, ...options }: ReviewOptions,
  within: CallContext,
): Promise<Review> {
  const { git, surroundings } = place
  const { root, project } = surroundings
  const context = signal === undefined ? within : callContext({ ...within, signal })
  const [from, head] = [await findCommit(git, base), await git.head()]
  if (from === undefined || head === undefined)
    throw new SheikhError(
      'not-found',
      head === undefined
        ? 'Cannot review: the repository has no commit yet. Commit first.'
        : `Cannot review against "${base}": this clone has no branch, tag or commit with this name. Fetch it: git fetch origin ${base}, or check out with fetch-depth: 0.`,
      { facts: { base } },
    )
  await refuseDirty(git, readPaths(project), context)
  const inspection = await inspect()
  const { code, data } = inspection.problems.length === 0 ? await elsewhere() : { code: [], data: [] }
  await refuseDirty(git, [...code, ...data], context)
  const changedCode = await changedFiles(git, [from, head.oid], code)
  const layout = await diff(from, head.oid)
  // The comparison runs no code, so it does not find these files.
  const found = {
    ...layout,
    files: [...layout.files, ...changedCode, ...(await changedFiles(git, [from, head.oid], data))],
  }
  // Absent if the configuration cannot be read, which is a problem of the inspection.
  const configuration = await loadConfiguration(root, context).catch(() => undefined)
  context.signal.throwIfAborted()
  const { samples, hub } = configuration?.dataset ?? {}
  // A branch without commits of its base: the merge has another content.
  const isWhole = await git.isDescendant(head.oid, from)
  const outlook = inspection.problems.length === 0 && isWhole ? await afterMerge(sources, context) : undefined
  const isMeasured = train && inspection.problems.length === 0 && !changesNothing(found)
  const quality = isMeasured ? await measureQuality({ ...place, base: from }, options, context) : undefined
  const folders = { project, samples: hub === undefined ? (samples?.directory ?? samplesPath) : undefined }
  const told = { head: head.oid, base: from, quality, afterMerge: outlook }
  return reviewOf(told, inspection, found, { ...folders, isCodeChanged: changedCode.length > 0, isWhole })
}

async function refuseDirty(git: Git, paths: readonly string[], context: CallContext): Promise<void> {
  if (paths.length === 0) return
  const { changed, deleted } = await git.changes(paths, context)
  const dirty = [...changed, ...deleted]
  if (dirty.length > 0)
    throw new SheikhError(
      'repository-dirty',
      `Cannot review: ${dirty.slice(0, 5).join(', ')}${dirty.length > 5 ? ', …' : ''} differ from HEAD. Commit the changes first.`,
      { facts: { paths: dirty.slice(0, 100) } },
    )
}

/** The files below these paths that differ between two commits. */
async function changedFiles(
  git: Git,
  commits: readonly [from: string, to: string],
  paths: readonly string[],
): Promise<readonly FileChange[]> {
  // Without paths, Git lists all files.
  if (paths.length === 0) return []
  const [before, after] = [await git.tree(commits[0], paths), await git.tree(commits[1], paths)]
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path): readonly FileChange[] => {
    const [old, now] = [before.get(path), after.get(path)]
    if (old?.oid === now?.oid) return []
    return [{ path, change: old === undefined ? 'added' : now === undefined ? 'removed' : 'changed' }]
  })
}
