import { type CallContext, SheikhError } from '../../core/index.js'
import { commitOfRelease } from '../../pipeline/index.js'
import type { Release, Releaser } from '../../releaser/index.js'
import { findCommit, type Git } from '../git/index.js'

/** A state of the project: a commit, a release, or the files as they are now. JSON. */
export interface StateName {
  /** As it was asked for, or `the work tree`. */
  readonly name: string
  /** Absent for the work tree. */
  readonly commit?: string | undefined
  /** The release that was asked for. */
  readonly version?: string | undefined
}

/**
 * Finds a commit by a version, a channel, a branch, a tag, an id or its first digits, `HEAD`, with `~2` or `^` for
 * ancestors.
 *
 * @throws `not-found`.
 */
export async function findState(
  name: string,
  { git, releaser }: { readonly git: Git; readonly releaser: () => Promise<Releaser> },
  context: CallContext,
): Promise<StateName> {
  const version = /^v?(\d+\.\d+\.\d+.*)$/.exec(name)?.[1]
  const byGit = async (): Promise<StateName | undefined> => {
    const commit = await findCommit(git, name)
    return commit === undefined ? undefined : { name, commit }
  }
  if (version === undefined) {
    const named = await byGit()
    if (named !== undefined) return named
    const registry = await releaser()
    const current = (await registry.channels(context))[name]
    const pointed = current === undefined ? undefined : await releaseOf(name, current, registry, context)
    if (pointed !== undefined) return pointed
  } else {
    // A release is named before a tag of the same name. If the registry cannot be reached, the tag will do.
    try {
      const released = await releaseOf(name, version, await releaser(), context)
      const found = released ?? (await byGit())
      if (found !== undefined) return found
    } catch (error) {
      context.signal.throwIfAborted()
      const tagged = await byGit()
      if (tagged === undefined) throw error
      return tagged
    }
  }
  const fact =
    (await git.head()) === undefined
      ? 'the repository has no commit yet. Commit the project first: git add . && git commit'
      : 'there is no release, channel, branch, tag or commit with this name. List releases with "sheikh history". In a shallow clone, fetch all commits: git fetch --unshallow'
  throw new SheikhError('not-found', `Cannot compare "${name}": ${fact}`, { facts: { name } })
}

async function releaseOf(
  name: string,
  wanted: string,
  releaser: Releaser,
  context: CallContext,
): Promise<StateName | undefined> {
  const release = await namedIn(releaser, wanted, context)
  if (release === undefined) return undefined
  const { version, record } = release
  const commit = await commitOfRelease(release, releaser, context)
  if (commit !== undefined) return { name, version, commit }
  throw new SheikhError(
    'not-found',
    `Cannot compare the release ${version}: it was made from no commit${record.importedFrom === undefined ? '' : `, but imported from ${record.importedFrom.from}`}. Name a commit.`,
    { facts: { version } },
  )
}

async function namedIn(releaser: Releaser, version: string, context: CallContext): Promise<Release | undefined> {
  for await (const release of releaser.history(context)) if (release.version === version) return release
  return undefined
}
