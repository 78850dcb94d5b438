import fs from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type * as IsomorphicGit from 'isomorphic-git'
import { type CallContext, callContext, messageOf, SheikhError } from '../../core/index.js'
import { createExclusively } from '../../store/index.js'

export type Library = typeof IsomorphicGit

export interface Head {
  readonly oid: string
  readonly branch?: string | undefined
}

export interface Author {
  readonly name: string
  readonly email: string
}

export interface TreeEntry {
  /** Below the repository's root. */
  readonly path: string
  readonly oid: string
  /** `100644`, `100755` or `120000`. */
  readonly mode: string
}

/** What is needed of Git, on isomorphic-git: no program has to be installed. */
export interface Git {
  readonly root: string
  readonly library: Library
  head(): Promise<Head | undefined>
  /** `name <email>` of Git's configuration, else of the library. */
  author(): Promise<Author>
  /** Where Git fetches `origin` from. */
  originUrl(): Promise<string | undefined>
  /** The files below `paths` in a commit's tree. */
  tree(commit: string, paths: readonly string[]): Promise<ReadonlyMap<string, TreeEntry>>
  isIgnored(path: string): Promise<boolean>
  /** Holds `index.lock`, as git does, so that two programs never write the index at once. @throws `locked`. */
  locked<R>(work: () => Promise<R>): Promise<R>
}

const unknownAuthor: Author = { name: 'Sheikh', email: 'sheikh@localhost' }

/** @throws `repository-invalid` where the folder is in no Git repository that can be worked on. */
export async function openGit(directory: string, context: CallContext): Promise<Git> {
  context.signal.throwIfAborted()
  const library = (await import('isomorphic-git')).default as unknown as Library
  const root = await findRoot(library, directory)
  return {
    root,
    library,
    async head() {
      try {
        const oid = await library.resolveRef({ fs, dir: root, ref: 'HEAD' })
        const branch = await library.currentBranch({ fs, dir: root })
        return { oid, ...(typeof branch === 'string' && { branch }) }
      } catch (error) {
        if ((error as Error).name === 'NotFoundError') return undefined
        throw error
      }
    },
    async author() {
      const [name, email] = [await config('user.name'), await config('user.email')]
      return name !== undefined && email !== undefined ? { name, email } : unknownAuthor
    },
    originUrl: () => config('remote.origin.url'),
    tree: (commit, paths) => readTree(library, root, commit, paths),
    isIgnored: (path) => library.isIgnored({ fs, dir: root, filepath: path }),
    locked: (work) => withIndexLock(root, work),
  }

  async function config(path: string): Promise<string | undefined> {
    const value: unknown = await library.getConfig({ fs, dir: root, path })
    return typeof value === 'string' && value !== '' ? value : undefined
  }
}

/** Makes a repository with the branch `main`, unless the folder is in one. */
export async function initGitRepository(directory: string, parts: Partial<CallContext> = {}): Promise<void> {
  const library = (await import('isomorphic-git')).default as unknown as Library
  callContext(parts).signal.throwIfAborted()
  await mkdir(directory, { recursive: true })
  const there = await library.findRoot({ fs, filepath: directory }).catch(() => undefined)
  if (there === undefined) await library.init({ fs, dir: directory, defaultBranch: 'main' })
}

async function findRoot(library: Library, directory: string): Promise<string> {
  let root: string
  try {
    root = await library.findRoot({ fs, filepath: directory })
  } catch (error) {
    throw invalid(`"${directory}" is in no Git repository. Make one: sheikh init`, error)
  }
  if (!fs.statSync(join(root, '.git')).isDirectory())
    throw invalid(
      `"${root}" is a linked work tree or a submodule, which the Git library cannot work on. Use the main work tree`,
    )
  return root
}

async function readTree(
  library: Library,
  dir: string,
  commit: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, TreeEntry>> {
  const entries = new Map<string, TreeEntry>()
  const cache = {}
  const wanted = (path: string) => paths.some((wish) => path === wish || path.startsWith(`${wish}/`))
  const leadsTo = (path: string) => paths.some((wish) => wish.startsWith(`${path}/`))
  const visit = async (oid: string, folder: string): Promise<void> => {
    const { tree } = await library.readTree({ fs, dir, oid, cache })
    for (const { path: name, oid: entryOid, type, mode } of tree) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (type === 'tree' && (wanted(path) || leadsTo(path))) await visit(entryOid, path)
      else if (type === 'blob' && wanted(path)) entries.set(path, { path, oid: entryOid, mode })
    }
  }
  try {
    await visit((await library.readCommit({ fs, dir, oid: commit, cache })).commit.tree, '')
  } catch (error) {
    throw invalid(`the commit ${commit} cannot be read: ${messageOf(error)}`, error)
  }
  return entries
}

async function withIndexLock<R>(root: string, work: () => Promise<R>): Promise<R> {
  const lock = join(root, '.git/index.lock')
  if (!(await createExclusively(lock, `${process.pid}\n`)))
    throw new SheikhError(
      'locked',
      `Cannot change the index: "${lock}" exists, so another program is at work, or one was killed. Remove the file if none is.`,
      { facts: { path: lock } },
    )
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

const invalid = (fact: string, cause?: unknown) =>
  new SheikhError('repository-invalid', `Cannot work on the repository: ${fact}.`, { cause })
