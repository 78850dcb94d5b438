import type { CallContext } from '../../core/index.js'
import type { FileTree } from '../../dataset/index.js'
import type { Releaser } from '../../releaser/index.js'
import type { DocumentStore } from '../../store/index.js'
import { configurationIn, type DataAccess } from '../compose.js'
import type { Git } from '../git/index.js'
import { refuseIncomplete } from '../whole-checkout.js'
import { type ComparedState, commitState, workTreeState } from './compared-state.js'
import { findState, type StateName } from './find-state.js'
import { type DiffOptions, diffProjects, type ProjectDiff } from './project-diff.js'

export interface ProjectPlace {
  readonly git: Git
  /** The project's folder. */
  readonly root: string
  /** The same below the repository's root; empty if it is the root. */
  readonly project: string
  /** What the samples of a state need. */
  readonly access: DataAccess
  /** Called only for a name that is no commit. */
  readonly releaser: () => Promise<Releaser>
  /** Knows rows of files that a run has read. */
  readonly cache: DocumentStore
}

/**
 * Compares two states of a project by their names.
 *
 * @throws `not-found` if there is no such state; `repository-invalid` if its commit cannot be read; `repository-dirty` if
 * the work tree leaves out files of the commit.
 */
export async function diffStates(
  place: ProjectPlace,
  { from, to, ...options }: DiffOptions & { readonly from: string; readonly to?: string | undefined },
  context: CallContext,
): Promise<ProjectDiff> {
  const before = await findState(from, place, context)
  const after: StateName = to === undefined ? { name: 'the work tree' } : await findState(to, place, context)
  const digests: FileTree['digests'] = new Map()
  await using now = await filesOf(after, before.commit, { ...place, digests }, context)
  await using old = await filesOf(before, after.commit, { ...place, digests }, context)
  // Awaited here, because the folders are removed at the end of this block.
  return await diffProjects(
    [
      { name: before, files: old },
      { name: after, files: now },
    ],
    { ...options, access: place.access },
    { ...context, cache: place.cache },
  )
}

async function filesOf(
  { commit }: StateName,
  other: string | undefined,
  place: ProjectPlace & { readonly digests: FileTree['digests'] },
  context: CallContext,
): Promise<ComparedState> {
  const { root, git, access } = place
  if (commit !== undefined) return commitState(git, { ...place, commit, workTree: root, other }, context)
  const configuration = await configurationIn(root, context).catch(() => undefined)
  if (configuration !== undefined) await refuseIncomplete('compare the work tree', place, { configuration }, context)
  return workTreeState(root, access, context)
}
