import { refuse } from './answer.js'
import { defaultAttributes, withPaths } from './git-attributes.js'
import { readBlob, readCommit, writeCommit, writeObject, writeTree } from './git-objects.js'
import { commitOf, pointRef } from './refs.js'
import type { HubRepository, Repositories } from './repositories.js'
import { changedTree, entryAt } from './trees.js'

export const attributesPath = '.gitattributes'

export interface Changes {
  /** Path → blob; `undefined`: removed. */
  readonly blobs: ReadonlyMap<string, string | undefined>
  /** Of the files among them that are kept out of Git. */
  readonly largePaths: readonly string[]
  /** Files that have to be there before. */
  readonly deleted: readonly string[]
}

export interface CommitRequest {
  readonly branch: string
  readonly message: string
  /** What the branch has to name. */
  readonly parentCommit?: string | undefined
  readonly atMs: number
}

/** One commit, seen whole or not at all; others of the repository wait for their turn. @returns its name. */
export const addCommit = (
  repositories: Repositories,
  repository: HubRepository,
  { branch, message, parentCommit, atMs }: CommitRequest,
  { blobs, largePaths, deleted }: Changes,
): Promise<string> =>
  repositories.exclusive(repository, async () => {
    const ref = `refs/heads/${branch}`
    const parent = await commitOf(repository, ref)
    if (parent === undefined) throw refuse(404, `Invalid rev id: ${branch}`, 'RevisionNotFound')
    if (parentCommit !== undefined && parentCommit !== parent)
      throw refuse(412, 'The branch was updated since you opened this page. Please refresh and try again.')
    const { tree } = await readCommit(repository, parent)
    for (const path of deleted)
      if ((await entryAt(repository, tree, path)) === undefined)
        throw refuse(404, `A file with the name "${path}" does not exist`, 'EntryNotFound')
    const changes = new Map(blobs)
    if (largePaths.length > 0) {
      const oid = changes.get(attributesPath) ?? (await entryAt(repository, tree, attributesPath))?.oid
      const before = oid === undefined ? '' : Buffer.from(await readBlob(repository, oid)).toString()
      const after = withPaths(before, largePaths)
      if (after !== before) changes.set(attributesPath, await writeObject(repository, 'blob', Buffer.from(after)))
    }
    const changed = (await changedTree(repository, tree, changes)) ?? (await writeTree(repository, []))
    const commit = await writeCommit(repository, { tree: changed, parents: [parent], message, atMs })
    await pointRef(repository, ref, commit)
    return commit
  })

/** The first commit of a new repository, which has the Hub's list of what is kept out of Git. */
export async function addFirstCommit(
  repository: HubRepository,
  files: ReadonlyMap<string, Uint8Array>,
  atMs: number,
): Promise<void> {
  const changes = new Map<string, string>()
  for (const [path, content] of new Map([[attributesPath, Buffer.from(defaultAttributes)], ...files]))
    changes.set(path, await writeObject(repository, 'blob', content))
  const tree = (await changedTree(repository, undefined, changes))!
  await pointRef(
    repository,
    'refs/heads/main',
    await writeCommit(repository, { tree, parents: [], message: 'initial commit', atMs }),
  )
}
