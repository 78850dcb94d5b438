import type { CallContext } from '../../core/index.js'
import type { FileTree } from '../../dataset/index.js'
import type { Releaser } from '../../releaser/index.js'
import type { DocumentStore } from '../../store/index.js'
import { configurationIn, type DataAccess } from '../compose.js'
import type { Git } from '../git/index.js'
import { refuseIncomplete } from '../whole-checkout.js'
import { type ComparedPlace, type ComparedState, commitState, workTreeState } from './compared-state.js'
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
  const [forward, backward] = changesOf(place.git, before.commit, after.commit)
  const made = await together(
    filesOf(after, { ...place, digests, changes: backward }, context),
    filesOf(before, { ...place, digests, changes: forward }, context),
  )
  await using now = made[0]
  await using old = made[1]
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

type Changes = ComparedPlace['changes']

/** The files that differ between two commits, from each to the other. They are found once. */
export function changesOf(
  git: Git,
  from: string | undefined,
  to: string | undefined,
): readonly [forward: Changes, backward: Changes] {
  if (from === undefined || to === undefined) return [undefined, undefined]
  const known = new Map<string, ReturnType<Git['treeChanges']>>()
  const forward = (paths: readonly string[]) => {
    const key = JSON.stringify(paths)
    const found = known.get(key) ?? git.treeChanges(from, to, paths)
    known.set(key, found)
    return found
  }
  const backward = async (paths: readonly string[]) =>
    new Map([...(await forward(paths))].map(([path, { before, after }]) => [path, { before: after, after: before }]))
  return [forward, backward]
}

/** Both, made at the same time. If one fails, the other is disposed of. */
async function together<V extends AsyncDisposable>(one: Promise<V>, other: Promise<V>): Promise<readonly [V, V]> {
  const settled = await Promise.allSettled([one, other])
  const failed = settled.find((result) => result.status === 'rejected')
  if (failed === undefined) return [await one, await other]
  for (const result of settled) if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]()
  throw failed.reason
}

async function filesOf(
  { commit }: StateName,
  place: ProjectPlace & Pick<ComparedPlace, 'digests' | 'changes'>,
  context: CallContext,
): Promise<ComparedState> {
  const { root, git, access } = place
  if (commit !== undefined) return commitState(git, { ...place, commit, workTree: root }, context)
  const configuration = await configurationIn(root, context).catch(() => undefined)
  if (configuration !== undefined) await refuseIncomplete('compare the work tree', place, { configuration }, context)
  return workTreeState(root, access, context)
}
