import { createHash } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import git, { type CommitObject, type TreeEntry } from 'isomorphic-git'
import { fs } from './git-files.js'
import { type LargeFile, parsePointer } from './pointer.js'
import type { HubRepository } from './repositories.js'
import { writeWhole } from './write-whole.js'

const deflated = promisify(deflate)

type GitFolder = Pick<HubRepository, 'gitdir'>

/**
 * Writes an object of Git's that others see whole or not at all: isomorphic-git writes in place, and takes what lies
 * there for finished.
 */
export async function writeObject({ gitdir }: GitFolder, type: string, content: Uint8Array): Promise<string> {
  const bytes = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])
  const oid = createHash('sha1').update(bytes).digest('hex')
  const path = join(gitdir, 'objects', oid.slice(0, 2), oid.slice(2))
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (!isThere) await writeWhole(path, await deflated(bytes))
  return oid
}

export const readBlob = async ({ gitdir }: GitFolder, oid: string): Promise<Uint8Array> =>
  (await git.readBlob({ fs, gitdir, oid })).blob

export const readTree = async ({ gitdir }: GitFolder, oid: string): Promise<readonly TreeEntry[]> =>
  (await git.readTree({ fs, gitdir, oid })).tree

export const readCommit = async ({ gitdir }: GitFolder, oid: string): Promise<CommitObject> =>
  (await git.readCommit({ fs, gitdir, oid })).commit

/** Git sorts a folder as if its name ended in a slash. */
const sortKey = ({ path, type }: TreeEntry) => Buffer.from(type === 'tree' ? `${path}/` : path)

export const writeTree = (repository: GitFolder, entries: Iterable<TreeEntry>): Promise<string> =>
  writeObject(
    repository,
    'tree',
    Buffer.concat(
      [...entries]
        .sort((a, b) => Buffer.compare(sortKey(a), sortKey(b)))
        .flatMap(({ mode, path, oid }) => [
          Buffer.from(`${mode.replace(/^0/, '')} ${path}\0`),
          Buffer.from(oid, 'hex'),
        ]),
    ),
  )

export interface NewCommit {
  readonly tree: string
  readonly parents: readonly string[]
  readonly message: string
  readonly atMs: number
}

export const author = { name: 'loopback', email: 'loopback@localhost' } as const

const signature = (atMs: number) => `${author.name} <${author.email}> ${Math.floor(atMs / 1000)} +0000`

export const writeCommit = (repository: GitFolder, { tree, parents, message, atMs }: NewCommit): Promise<string> =>
  writeObject(
    repository,
    'commit',
    Buffer.from(
      [
        `tree ${tree}`,
        ...parents.map((parent) => `parent ${parent}`),
        `author ${signature(atMs)}`,
        `committer ${signature(atMs)}`,
        '',
        `${message}\n`,
      ].join('\n'),
    ),
  )

export const writeTag = (repository: GitFolder, name: string, commit: string, message: string, atMs: number) =>
  writeObject(
    repository,
    'tag',
    Buffer.from(`object ${commit}\ntype commit\ntag ${name}\ntagger ${signature(atMs)}\n\n${message}\n`),
  )

export interface BlobFacts {
  readonly sizeBytes: number
  /** What the blob stands for, where it is a pointer. */
  readonly large?: LargeFile | undefined
}

/** An object never changes, so what was learned of it stays true. The oldest are forgotten. */
const known = new Map<string, BlobFacts>()
const mostKnown = 200_000

export async function blobFacts(repository: GitFolder, oid: string): Promise<BlobFacts> {
  const before = known.get(oid)
  if (before !== undefined) return before
  const blob = await readBlob(repository, oid)
  const facts = { sizeBytes: blob.length, large: parsePointer(blob) }
  known.set(oid, facts)
  if (known.size > mostKnown) known.delete(known.keys().next().value!)
  return facts
}
