import { join } from 'node:path'
import git from 'isomorphic-git'
import { refuse, revisionNotFound } from './answer.js'
import { fs } from './git-files.js'
import type { HubRepository } from './repositories.js'
import { writeWhole } from './write-whole.js'

/** What the ref names, or the commit that its tag names. */
export async function commitOf({ gitdir }: HubRepository, ref: string): Promise<string | undefined> {
  try {
    const oid = await git.resolveRef({ fs, gitdir, ref })
    const { type } = await git.readObject({ fs, gitdir, oid })
    if (type === 'commit') return oid
    return type === 'tag' ? (await git.readTag({ fs, gitdir, oid })).tag.object : undefined
  } catch (error) {
    if ((error as { code?: unknown }).code === 'NotFoundError') return undefined
    throw error
  }
}

/** A branch, a tag or a commit, as what is asked for in an address. @throws `RevisionNotFound` to the client. */
export async function resolveRevision(repository: HubRepository, revision: string): Promise<string> {
  if (revision === 'HEAD') return resolveRevision(repository, 'main')
  const names = revision.startsWith('refs/') ? [revision] : [`refs/heads/${revision}`, `refs/tags/${revision}`]
  for (const name of names) {
    const commit = isRefName(name) ? await commitOf(repository, name) : undefined
    if (commit !== undefined) return commit
  }
  const commit = /^[0-9a-f]{40}$/.test(revision) ? await commitOf(repository, revision) : undefined
  if (commit === undefined) throw revisionNotFound(revision)
  return commit
}

export interface NamedCommit {
  readonly name: string
  readonly ref: string
  readonly targetCommit: string
}

export async function listRefs(repository: HubRepository, kind: 'heads' | 'tags'): Promise<readonly NamedCommit[]> {
  const { gitdir } = repository
  const names = kind === 'heads' ? await git.listBranches({ fs, gitdir }) : await git.listTags({ fs, gitdir })
  const found: NamedCommit[] = []
  for (const name of names) {
    const ref = `refs/${kind}/${name}`
    const targetCommit = await commitOf(repository, ref)
    if (targetCommit !== undefined) found.push({ name, ref, targetCommit })
  }
  return found
}

/** The last step of every change: before it nothing is to be seen, after it everything. */
export const pointRef = ({ gitdir }: HubRepository, ref: string, oid: string): Promise<void> =>
  writeWhole(join(gitdir, ref), `${oid}\n`, gitdir)

export const deleteRef = ({ gitdir }: HubRepository, ref: string): Promise<void> => git.deleteRef({ fs, gitdir, ref })

/** https://git-scm.com/docs/git-check-ref-format */
const isRefName = (name: string) => !/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|^\/|\/$|\.$|\.lock(?:\/|$)/.test(name)

/** @throws what says so to the client, for a name that Git does not take, or that another one stands in the way of. */
export async function checkNewRef(repository: HubRepository, kind: 'heads' | 'tags', name: string): Promise<void> {
  if (name === '' || name.startsWith('-') || !isRefName(`refs/${kind}/${name}`))
    throw refuse(400, `Invalid reference name: ${name}`)
  const inTheWay = (await listRefs(repository, kind)).find(
    (one) => one.name.startsWith(`${name}/`) || name.startsWith(`${one.name}/`),
  )
  if (inTheWay !== undefined) throw refuse(409, `Reference ${inTheWay.ref} exists: cannot create ${name}`)
}
