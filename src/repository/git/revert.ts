import { type CallContext, SheikhError } from '../../core/index.js'
import { knownAuthor, refuseUnfinished, secondsOf } from './commit.js'
import type { Author, Git, TreeEntry } from './git.js'

/**
 * Undoes a commit by a new one, file by file: what the commit changed becomes what it was in the parent. The work tree
 * and the index follow. What a person staged elsewhere stays staged.
 *
 * @returns the new commit's id.
 * @throws `repository-invalid` for a first or a merge commit, or where a later commit changed the same files; `repository-dirty`.
 */
export async function revert(
  git: Git,
  oid: string,
  { author }: { readonly author?: Author | undefined },
  context: CallContext,
): Promise<string> {
  const person = author ?? (await knownAuthor(git))
  refuseUnfinished(git)
  return git.exclusively(async () => {
    const head = await git.head()
    if (head === undefined) throw refused(oid, 'the repository has no commit')
    const undone = await git.readCommit(oid)
    if (undone === undefined) throw refused(oid, 'the name does not identify one commit')
    const [parent, ...others] = undone.parents
    if (parent === undefined) throw refused(oid, 'it is the first commit')
    if (others.length > 0) throw refused(oid, 'it is a merge commit')

    const [before, after, now] = [await git.tree(parent), await git.tree(undone.oid), await git.tree(head.oid)]
    const touched = [...new Set([...before.keys(), ...after.keys()])].filter(
      (path) => !same(before.get(path), after.get(path)),
    )
    const conflicts = touched.filter((path) => !same(after.get(path), now.get(path)))
    if (conflicts.length > 0)
      throw refused(oid, `a later commit changed ${conflicts.slice(0, 5).join(', ')} as well`, conflicts)
    if (touched.length === 0) throw refused(oid, 'it changed nothing')
    const { changed, deleted } = await git.changes(touched, context)
    const dirty = [...changed, ...deleted]
    if (dirty.length > 0)
      throw new SheikhError(
        'repository-dirty',
        `Cannot revert ${oid}: ${dirty.slice(0, 5).join(', ')} differ from the commit. Commit or restore them first.`,
        { facts: { paths: dirty } },
      )

    const written = touched.filter((path) => before.has(path))
    const removed = touched.filter((path) => !before.has(path))
    await git.restore(parent, { written, removed }, context)
    const [subject] = undone.message.split('\n', 1)
    const message = `Revert "${subject}"\n\nThis reverts commit ${undone.oid}.\n`
    const commit = { message, author: person, timestamp: secondsOf(context) }
    return git.commitFiles({ changed: written, deleted: removed }, commit, context)
  }, context)
}

const same = (left: TreeEntry | undefined, right: TreeEntry | undefined) =>
  left?.oid === right?.oid && left?.mode === right?.mode

const refused = (oid: string, fact: string, paths: readonly string[] = []) =>
  new SheikhError('repository-invalid', `Cannot revert ${oid}: ${fact}. Revert it by hand and commit.`, {
    facts: { commit: oid, paths },
  })
