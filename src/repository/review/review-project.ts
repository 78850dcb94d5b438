import { type CallContext, SheikhError } from '../../core/index.js'
import { loadConfiguration } from '../config/index.js'
import type { ProjectDiff } from '../diff/index.js'
import { findCommit, type Git } from '../git/index.js'
import type { Inspection } from '../inspect-project.js'
import { readPaths, samplesPath } from '../layout.js'
import { type Review, reviewOf } from './review.js'

/**
 * Reviews HEAD against a base.
 *
 * @throws `not-found` if the clone has no such base; `repository-dirty` if files differ from HEAD, because a review of them would
 * name a commit that does not contain them.
 */
export async function reviewProject(
  {
    git,
    root,
    base,
    inspect,
    diff,
    project,
  }: {
    readonly git: Git
    readonly root: string
    /** A branch, a tag or a commit. */
    readonly base: string
    readonly inspect: () => Promise<Inspection>
    readonly diff: (from: string, to: string) => Promise<ProjectDiff>
    /** The project's folder below the repository's root; empty if it is the root. */
    readonly project: string
  },
  context: CallContext,
): Promise<Review> {
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
  return reviewOf({ head: head.oid, base: from }, inspection, found, { project, samples: samples ?? samplesPath })
}
