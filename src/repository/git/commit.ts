import { existsSync } from 'node:fs'
import { join } from 'node:path'
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
 * Commits what changed under `paths`, and nothing else. What a person staged elsewhere stays staged.
 *
 * @returns the commit's id.
 * @throws `repository-invalid` if nothing changed, if Git knows no author, or during a merge or a rebase; `locked`.
 */
export async function commit(
  git: Git,
  { message, author, paths }: CommitOptions,
  context: CallContext,
): Promise<string> {
  const person = author ?? (await knownAuthor(git))
  refuseUnfinished(git)
  return git.exclusively(async () => {
    const changes = await git.changes(paths, context)
    if (changes.changed.length + changes.deleted.length === 0)
      throw new SheikhError(
        'repository-invalid',
        `Cannot commit: nothing changed under ${paths.join(', ')}. Change a file first.`,
      )
    return git.commitFiles(changes, { message, author: person, timestamp: secondsOf(context) }, context)
  }, context)
}

const unfinished: readonly (readonly [file: string, act: string, command: string])[] = [
  ['MERGE_HEAD', 'merge', 'git merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick', 'git cherry-pick'],
  ['REVERT_HEAD', 'revert', 'git revert'],
  ['rebase-merge', 'rebase', 'git rebase'],
  ['rebase-apply', 'rebase', 'git rebase'],
]

/** A commit in between would take a part of what a person is merging. @throws `repository-invalid`. */
export function refuseUnfinished({ directory }: Pick<Git, 'directory'>): void {
  const found = unfinished.find(([file]) => existsSync(join(directory, file)))
  if (found === undefined) return
  const [, act, command] = found
  throw new SheikhError(
    'repository-invalid',
    `Cannot commit: a ${act} is in progress. Finish it (${command} --continue) or give it up (${command} --abort), then run again.`,
    { facts: { unfinished: act } },
  )
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
