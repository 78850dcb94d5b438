import { type CallContext, SheikhError } from '../../core/index.js'
import type { Composition } from '../compose.js'
import { loadConfiguration } from '../config/index.js'
import { changesNothing, type FileChange, type ProjectDiff } from '../diff/index.js'
import { findCommit, type Git } from '../git/index.js'
import type { Inspection } from '../inspect-project.js'
import { readPaths, samplesPath } from '../layout.js'
import type { OpenedProject } from '../opened-project.js'
import { projectOutlook } from '../project-pipeline.js'
import { readElsewhere } from '../provenance.js'
import { afterMerge } from './after-merge.js'
import { type MeasureOptions, measureQuality } from './measure-quality.js'
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
  opened: OpenedProject,
  {
    base,
    inspect,
    diff,
  }: {
    /** A branch, a tag or a commit. */
    readonly base: string
    readonly inspect: () => Promise<Inspection>
    readonly diff: (from: string, to: string) => Promise<ProjectDiff>
  },
  { train = false, signal, ...options }: ReviewOptions,
): Promise<Review> {
  const { git, root, prefix: project, surroundings } = opened
  const context = opened.within(signal)
  let composed: Promise<Composition> | undefined
  const compose = () => {
    composed ??= opened.compose()
    return composed
  }
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
  const { code, data } =
    inspection.problems.length === 0 ? await readElsewhere(opened, await compose()) : { code: [], data: [] }
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
  const outlook =
    inspection.problems.length === 0 && isWhole ? await afterMerge(projectOutlook(opened, compose), context) : undefined
  const isMeasured = train && inspection.problems.length === 0 && !changesNothing(found)
  const quality = isMeasured
    ? await measureQuality({ git, surroundings, compose, base: from }, options, context)
    : undefined
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
