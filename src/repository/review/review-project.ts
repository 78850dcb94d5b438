import { type CallContext, callContext, SheikhError } from '../../core/index.js'
import { loadConfiguration } from '../config/index.js'
import { changesNothing, type ProjectDiff } from '../diff/index.js'
import { findCommit } from '../git/index.js'
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
    sources,
    ...place
  }: Omit<MeasuredProject, 'base'> & {
    /** A branch, a tag or a commit. */
    readonly base: string
    readonly inspect: () => Promise<Inspection>
    readonly diff: (from: string, to: string) => Promise<ProjectDiff>
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
  const { changed, deleted } = await git.changes(readPaths(project), context)
  const dirty = [...changed, ...deleted]
  if (dirty.length > 0)
    throw new SheikhError(
      'repository-dirty',
      `Cannot review: ${dirty.slice(0, 5).join(', ')}${dirty.length > 5 ? ', …' : ''} differ from HEAD. Commit the changes first.`,
      { facts: { paths: dirty.slice(0, 100) } },
    )
  const inspection = await inspect()
  const found = await diff(from, head.oid)
  // Absent if the configuration cannot be read, which is a problem of the inspection.
  const configuration = await loadConfiguration(root, context).catch(() => undefined)
  context.signal.throwIfAborted()
  const samples = configuration?.dataset.samples?.directory
  // A branch without commits of its base: the merge has another content.
  const isWhole = await git.isDescendant(head.oid, from)
  const outlook = inspection.problems.length === 0 && isWhole ? await afterMerge(sources, context) : undefined
  const isMeasured = train && inspection.problems.length === 0 && !changesNothing(found)
  const quality = isMeasured ? await measureQuality({ ...place, base: from }, options, context) : undefined
  const folders = { project, samples: samples ?? samplesPath }
  return reviewOf({ head: head.oid, base: from, quality, afterMerge: outlook }, inspection, found, folders)
}
