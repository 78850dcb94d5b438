import fs from 'node:fs'
import { chmod, mkdir, realpath, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { updateIndex, writeCommit } from './commit.js'
import type { Author, Git, TreeEntry } from './git.js'
import { findChanges } from './work-tree.js'

/**
 * Undoes a commit by a new one, file by file: what the commit changed becomes what it was in the parent. The work tree
 * and the index follow.
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
  return git.locked(async () => {
    const { root: dir } = git
    const head = await git.head()
    if (head === undefined) throw refused(oid, 'the repository has no commit')
    const { commit: undone, oid: whole } = await readCommit(git, oid)
    const [parent, ...others] = undone.parent
    if (parent === undefined) throw refused(oid, 'it is the first commit')
    if (others.length > 0) throw refused(oid, 'it is a merge')

    const [before, after, now] = [
      await wholeTree(git, parent),
      await wholeTree(git, whole),
      await wholeTree(git, head.oid),
    ]
    const touched = [...new Set([...before.keys(), ...after.keys()])].filter(
      (path) => !same(before.get(path), after.get(path)),
    )
    const conflicts = touched.filter((path) => !same(after.get(path), now.get(path)))
    if (conflicts.length > 0)
      throw refused(oid, `a later commit changed ${conflicts.slice(0, 5).join(', ')} too`, conflicts)
    if (touched.length === 0) throw refused(oid, 'it changed nothing')
    const { changed, deleted } = await findChanges(git, touched, context)
    const dirty = [...changed, ...deleted]
    if (dirty.length > 0)
      throw new SheikhError(
        'repository-dirty',
        `Cannot revert ${oid}: ${dirty.slice(0, 5).join(', ')} differ from the commit. Commit or restore them first.`,
        { facts: { paths: dirty } },
      )

    const restored = touched.filter((path) => before.has(path))
    const removed = touched.filter((path) => !before.has(path))
    // First what goes: where a link stood in a folder's place, writing below it would write to where it leads.
    for (const path of removed) await removeEntry(dir, path)
    for (const path of restored) await writeEntry(git, before.get(path)!, context)
    await updateIndex(git, restored, removed, context)
    const [subject] = undone.message.split('\n', 1)
    return writeCommit(
      git,
      `Revert "${subject}"\n\nThis reverts commit ${whole}.\n`,
      author ?? (await git.author()),
      context,
    )
  })
}

async function readCommit({ library, root: dir }: Git, oid: string) {
  try {
    return await library.readCommit({ fs, dir, oid: await library.expandOid({ fs, dir, oid }) })
  } catch {
    throw refused(oid, 'there is no one commit of that name')
  }
}

async function wholeTree(git: Git, commit: string): Promise<ReadonlyMap<string, TreeEntry>> {
  const { commit: found } = await git.library.readCommit({ fs, dir: git.root, oid: commit })
  const { tree } = await git.library.readTree({ fs, dir: git.root, oid: found.tree })
  return git.tree(
    commit,
    tree.map(({ path }) => path),
  )
}

const same = (left: TreeEntry | undefined, right: TreeEntry | undefined) =>
  left?.oid === right?.oid && left?.mode === right?.mode

/** A file, and the folders that it leaves empty, as git does. */
async function removeEntry(root: string, path: string): Promise<void> {
  await rm(join(root, path), { force: true })
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    try {
      await rmdir(join(root, folder))
    } catch {
      // It holds something else.
      return
    }
}

async function writeEntry(git: Git, { path, oid, mode }: TreeEntry, context: CallContext): Promise<void> {
  context.signal.throwIfAborted()
  const { blob } = await git.library.readBlob({ fs, dir: git.root, oid })
  const file = join(git.root, path)
  await mkdir(dirname(file), { recursive: true })
  if ((await realpath(dirname(file))) !== join(await realpath(git.root), dirname(path)))
    throw new SheikhError(
      'repository-invalid',
      `Cannot restore "${path}": a folder above it is a link. Remove the link.`,
    )
  await rm(file, { force: true })
  if (mode === '120000') return symlink(Buffer.from(blob).toString(), file)
  await writeFile(file, blob)
  await chmod(file, mode === '100755' ? 0o755 : 0o644)
}

const refused = (oid: string, fact: string, paths: readonly string[] = []) =>
  new SheikhError('repository-invalid', `Cannot revert ${oid}: ${fact}. Revert by hand, and commit.`, {
    facts: { commit: oid, paths },
  })
