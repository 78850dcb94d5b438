import fs from 'node:fs'
import { type CallContext, messageOf, SheikhError } from '../../core/index.js'
import type { Author, Git } from './git.js'
import { findChanges } from './work-tree.js'

export interface CommitOptions {
  readonly message: string
  /** @default of Git's configuration, else `Sheikh <sheikh@localhost>` */
  readonly author?: Author | undefined
  /** Files and folders below the repository's root. */
  readonly paths: readonly string[]
}

// All at once is faster and takes a gigabyte for ten thousand files (an unbounded Promise.all inside).
const filesAtOnce = 250

/**
 * Commits what changed under `paths`, and whatever was in the index already; native git then calls the work tree clean.
 *
 * @returns the commit's id.
 * @throws `repository-invalid` where nothing changed; `locked`.
 */
export async function commit(
  git: Git,
  { message, author, paths }: CommitOptions,
  context: CallContext,
): Promise<string> {
  return git.locked(async () => {
    const { changed, deleted } = await findChanges(git, paths, context)
    if (changed.length + deleted.length === 0)
      throw new SheikhError(
        'repository-invalid',
        `Cannot commit: nothing changed under ${paths.join(', ')}. Change something first.`,
      )
    await updateIndex(git, changed, deleted, context)
    return writeCommit(git, message, author ?? (await git.author()), context)
  })
}

/** Brings files of the work tree into the index. */
export async function updateIndex(
  git: Git,
  changed: readonly string[],
  deleted: readonly string[],
  context: CallContext,
): Promise<void> {
  const { library, root: dir } = git
  const cache = {}
  for (let start = 0; start < changed.length; start += filesAtOnce) {
    context.signal.throwIfAborted()
    try {
      await library.add({ fs, dir, cache, filepath: changed.slice(start, start + filesAtOnce) })
    } catch (error) {
      throw new SheikhError('repository-invalid', `Cannot commit: ${messageOf(error)}. See "git status".`, {
        cause: error,
      })
    }
  }
  for (const filepath of deleted) await library.remove({ fs, dir, cache, filepath })
}

export async function writeCommit(git: Git, message: string, author: Author, context: CallContext): Promise<string> {
  const timestamp = Math.floor(context.clock.nowMs() / 1000)
  return git.library.commit({ fs, dir: git.root, message, author: { ...author, timestamp, timezoneOffset: 0 } })
}
