import { type CallContext, SheikhError } from '../../core/index.js'
import type { Author, Git } from './git.js'

export interface CommitOptions {
  readonly message: string
  /** @default the identity that Git knows */
  readonly author?: Author | undefined
  /** Files and folders below the repository's root. */
  readonly paths: readonly string[]
}

/**
 * Commits what changed under `paths`, and whatever was in the index already; git then calls the work tree clean.
 *
 * @returns the commit's id.
 * @throws `repository-invalid` where nothing changed, or where nobody has told Git who commits; `locked`.
 */
export async function commit(
  git: Git,
  { message, author, paths }: CommitOptions,
  context: CallContext,
): Promise<string> {
  const person = author ?? (await knownAuthor(git))
  return git.exclusively(async () => {
    const changes = await git.changes(paths, context)
    if (changes.changed.length + changes.deleted.length === 0)
      throw new SheikhError(
        'repository-invalid',
        `Cannot commit: nothing changed under ${paths.join(', ')}. Change a file first.`,
      )
    await git.stage(changes, context)
    return git.commitIndex({ message, author: person, timestamp: secondsOf(context) })
  }, context)
}

/** @throws `repository-invalid` where nobody has told Git who commits. */
export async function knownAuthor(git: Pick<Git, 'author'>): Promise<Author> {
  const author = await git.author()
  if (author !== undefined) return author
  throw new SheikhError(
    'repository-invalid',
    'Cannot commit: Git has no user name and e-mail address. Set them: git config --global user.name "Your Name" and git config --global user.email you@example.org, or set the variables GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL.',
  )
}

export const secondsOf = ({ clock }: CallContext) => Math.floor(clock.nowMs() / 1000)
