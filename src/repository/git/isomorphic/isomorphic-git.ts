import { existsSync } from 'node:fs'
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type * as IsomorphicGit from 'isomorphic-git'
import { type CallContext, isSheikhError, messageOf, SheikhError } from '../../../core/index.js'
import { isStorageFault, storageFailed } from '../../../store/index.js'
import { changedTree } from '../changed-tree.js'
import type { Changes, Git, TreeChange, TreeEntry, TreeItem } from '../git.js'
import { identityIn } from '../identity.js'
import type { EnvironmentVariables } from '../native/git-program.js'
import { outsideAttributes } from '../outside-attributes.js'
import { removeEntry } from '../remove-entry.js'
import { writtenPath } from '../written-path.js'
import { type DurableFiles, durableFiles } from './durable-files.js'
import { gitSettings } from './git-settings.js'
import { isomorphicHistory } from './history.js'
import { withIndexLock } from './index-lock.js'
import { moveRefByLock } from './move-ref.js'
import { checkSupported, foldersAbove, installGit, needsNative, notUtf8Name, refuseConversions } from './unsupported.js'
import { compareWorkTree } from './work-tree.js'
import { replaceEntry } from './write-entry.js'

export type Library = typeof IsomorphicGit

export async function loadLibrary(): Promise<Library> {
  return (await import('isomorphic-git')).default as unknown as Library
}

// All at once is faster and takes a gigabyte for ten thousand files (an unbounded Promise.all inside).
const filesAtOnce = 250

/**
 * The repository with this root, by isomorphic-git.
 *
 * @param remedy why the program `git` is not used, for errors about what the library lacks.
 * @throws `repository-invalid` where it uses what the library lacks.
 */
export async function isomorphicGit(
  root: string,
  environment: EnvironmentVariables,
  remedy = installGit,
): Promise<Git> {
  const library = await loadLibrary()
  const directory = join(root, '.git')
  const settings = await gitSettings(root, environment, remedy)
  await checkSupported(root, settings)
  const fs = durableFiles(directory)
  const repository = { fs, dir: root }
  const cache = {}

  const git: Git = {
    kind: 'isomorphic',
    root,
    directory,
    commonDirectory: directory,

    async head() {
      const oid = await git.readRef('HEAD')
      if (oid === undefined) return undefined
      const branch = await git.branch()
      return { oid, ...(branch !== undefined && { branch: branch.replace(/^refs\/heads\//, '') }) }
    },
    branch: async () => (await library.currentBranch({ ...repository, fullname: true })) ?? undefined,
    author: () => identityIn(git.config, environment),
    config: (key) => settings.get(key),
    settings: async (section) => settings.names(section),
    outsideAttributes: () => outsideAttributes(directory, git, environment),

    async readRef(ref) {
      try {
        return await library.resolveRef({ ...repository, ref })
      } catch (error) {
        if ((error as Error).name === 'NotFoundError') return undefined
        throw error
      }
    },
    async branches(prefix) {
      const names = await library.listBranches({ ...repository })
      return names
        .map((name) => `refs/heads/${name}`)
        .filter((name) => name.startsWith(prefix))
        .sort()
    },
    moveRef: (ref, next, expected) => moveRefByLock(git, ref, next, expected),

    async readCommit(name) {
      if (!/^[0-9a-f]{4,40}$/.test(name)) return undefined
      try {
        const found = await library.readCommit({
          ...repository,
          oid: await library.expandOid({ ...repository, oid: name }),
        })
        return { oid: found.oid, parents: found.commit.parent, message: found.commit.message }
      } catch {
        return undefined
      }
    },
    isDescendant: async (oid, ancestor) =>
      oid === ancestor || library.isDescendent({ ...repository, oid, ancestor, depth: -1 }),
    async commitsSince(ancestor) {
      const parents = new Map(
        (await library.log({ ...repository, ref: 'HEAD' })).map(({ oid, commit }) => [oid, commit.parent]),
      )
      const known = new Set<string>()
      const open = parents.has(ancestor) ? [ancestor] : []
      for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
        if (known.has(oid)) continue
        known.add(oid)
        open.push(...(parents.get(oid) ?? []))
      }
      const newer = [...parents.keys()].filter((oid) => !known.has(oid))
      return { count: newer.length, isAncestor: parents.has(ancestor) }
    },
    isShallow: () => existsSync(join(directory, 'shallow')),
    history: (range, context) => isomorphicHistory(library, repository, range, context),
    tree: (commit, paths) => readWholeTree(library, { ...repository, remedy }, commit, paths),
    async treeFiles(commit, paths) {
      const entries = await git.tree(commit, paths)
      return {
        visit(take) {
          for (const { path, oid, mode } of entries.values()) take(path, oid, mode)
        },
      }
    },
    async treeChanges(from, to, paths) {
      const [old, now] = [await git.tree(from, paths), await git.tree(to, paths)]
      const changes = new Map<string, TreeChange>()
      for (const path of new Set([...old.keys(), ...now.keys()])) {
        const [before, after] = [old.get(path), now.get(path)]
        if (before?.oid !== after?.oid || before?.mode !== after?.mode) changes.set(path, { before, after })
      }
      return changes
    },
    async readTree(oid) {
      const { tree } = await library.readTree({ ...repository, oid })
      return tree.map(({ path, oid: itsOid, mode, type }) => ({
        path,
        oid: itsOid,
        mode,
        type: type as TreeItem['type'],
      }))
    },
    readBlob: async (oid) => (await library.readBlob({ ...repository, oid, cache })).blob,
    async *readBlobs(oids, maximumBytes, { signal }) {
      for (const oid of oids) {
        signal.throwIfAborted()
        const content = await git.readBlob(oid).catch(() => undefined)
        yield content === undefined || content.length > maximumBytes ? { oid } : { oid, content }
      }
    },
    openBlobs: ({ signal }) => ({
      async read(oid, take) {
        signal.throwIfAborted()
        const blob = await git.readBlob(oid)
        take(blob, blob.length)
      },
      async [Symbol.asyncDispose]() {},
    }),
    writeBlob: (blob) => library.writeBlob({ ...repository, blob }),
    writeTree: (items) => library.writeTree({ ...repository, tree: [...items] }),
    writeCommit({ tree, parents, message, author, timestamp }) {
      const person = { ...author, timestamp, timezoneOffset: 0 }
      const commit = { message, tree, parent: [...parents], author: person, committer: person }
      return library.writeCommit({ ...repository, commit })
    },

    async changes(paths, context, documents): Promise<Changes> {
      const head = await git.head()
      const committed = head === undefined ? new Map<string, TreeEntry>() : await git.tree(head.oid, paths)
      const isIgnored = (filepath: string) => library.isIgnored({ ...repository, filepath })
      const keepsModes = (await settings.get('core.filemode')) !== 'false'
      const changes = await compareWorkTree(
        { root, committed, isIgnored, keepsModes, remedy },
        paths,
        context,
        documents,
      )
      await refuseConversions(
        git,
        settings,
        changes.changed.filter((path) => committed.has(path)),
      )
      return changes
    },
    // A sparse checkout and a submodule are refused.
    absent: async () => [],
    async restore(commit, { written, removed }, context) {
      // First what goes: where a link stood in a folder's place, writing below it would write to where it leads.
      for (const path of removed) await removeEntry(root, path)
      const entries = await git.tree(commit, written)
      await refuseConversions(git, settings, written)
      for (const path of written) await writeEntry(git, entries.get(path)!, context)
      await stage({ changed: written, deleted: removed }, context)
    },
    async commitFiles(files, { message, author, timestamp }, context) {
      await stage(files, context)
      const entries = new Map<string, TreeItem | undefined>(files.deleted.map((path) => [path, undefined]))
      for (const item of await stagedItems(library, repository, files.changed)) entries.set(item.path, item)
      const tree = await changedTree(git, (await git.head())?.oid, entries)
      return library.commit({ ...repository, message, tree, author: { ...author, timestamp, timezoneOffset: 0 } })
    },
    exclusively: (work, context) =>
      withIndexLock(
        directory,
        async () => {
          // The library decodes each name of the index, and would write another one.
          const name = (await library.listFiles(repository)).find((path) => path.includes('\uFFFD'))
          if (name !== undefined) throw notUtf8Name(remedy, name)
          return work()
        },
        context,
      ),

    async writeFiles(commit, paths, folder, context) {
      await git.writeEntries(commit, [...(await git.tree(commit, paths)).values()], folder, context)
    },
    async writeEntries(_commit, all, folder, { signal }) {
      const entries = all.filter(({ mode }) => mode !== '120000')
      await refuseConversions(
        git,
        settings,
        entries.map(({ path }) => path),
      )
      for (const { path, oid } of entries) {
        signal.throwIfAborted()
        const file = join(folder, writtenPath(path))
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, await git.readBlob(oid))
      }
    },
  }
  return git

  async function stage({ changed, deleted }: Pick<Changes, 'changed' | 'deleted'>, { signal }: CallContext) {
    const index = {}
    await refuseConversions(git, settings, changed)
    // First what goes: removing a path that the index lacks removes what lies below it.
    for (const filepath of deleted) await library.remove({ ...repository, cache: index, filepath })
    for (let start = 0; start < changed.length; start += filesAtOnce) {
      signal.throwIfAborted()
      try {
        const filepath = changed.slice(start, start + filesAtOnce)
        await library.add({ ...repository, cache: index, filepath })
      } catch (error) {
        // Of several files at once the library collects what each of them met.
        const all = [error, ...((error as { readonly errors?: readonly unknown[] }).errors ?? [])]
        const fault = all.find((one) => isSheikhError(one, 'storage-failed') || isStorageFault(one))
        if (fault !== undefined) throw storageFailed('add to the index', root, fault)
        throw new SheikhError('repository-invalid', `Cannot commit: ${messageOf(error)}. See "git status".`, {
          cause: error,
        })
      }
    }
  }
}

async function readWholeTree(
  library: Library,
  { fs, dir, remedy }: { readonly fs: DurableFiles; readonly dir: string; readonly remedy: string },
  commit: string,
  paths: readonly string[] | undefined,
): Promise<ReadonlyMap<string, TreeEntry>> {
  const entries = new Map<string, TreeEntry>()
  const cache = {}
  const wanted = (path: string) =>
    paths === undefined || paths.some((wish) => path === wish || path.startsWith(`${wish}/`))
  const leadsTo = (path: string) => paths?.some((wish) => wish.startsWith(`${path}/`)) === true
  const visit = async (oid: string, folder: string): Promise<void> => {
    const { tree } = await library.readTree({ fs, dir, oid, cache })
    for (const { path: name, oid: entryOid, type, mode } of tree) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (type === 'tree' && (wanted(path) || leadsTo(path))) await visit(entryOid, path)
      else if (type === 'commit' && (wanted(path) || leadsTo(path)))
        throw needsNative(remedy, `"${path}" is a submodule`)
      else if (type === 'blob' && wanted(path)) entries.set(path, { path, oid: entryOid, mode })
    }
  }
  try {
    await visit((await library.readCommit({ fs, dir, oid: commit, cache })).commit.tree, '')
  } catch (error) {
    if (error instanceof SheikhError) throw error
    if ((error as Error).name === 'UnsafeFilepathError')
      throw needsNative(
        remedy,
        `a file name in commit ${commit} holds a backslash or another character that Windows refuses`,
        error,
      )
    throw new SheikhError(
      'repository-invalid',
      `Cannot work on the repository: the commit ${commit} cannot be read (${messageOf(error)}). In a shallow clone, fetch it: git fetch --unshallow`,
      { facts: { commit }, cause: error },
    )
  }
  return entries
}

/** The index's entries for some files. */
async function stagedItems(
  library: Library,
  { fs, dir }: { readonly fs: DurableFiles; readonly dir: string },
  paths: readonly string[],
): Promise<readonly TreeItem[]> {
  const wanted = new Set(paths)
  const folders = new Set(paths.flatMap(foldersAbove))
  const items: TreeItem[] = []
  await library.walk({
    ...{ fs, dir, trees: [library.STAGE()] },
    async map(path, [entry]) {
      // Of a folder that is left out, null spares what is below.
      if (path !== '.' && !wanted.has(path) && !folders.has(path)) return null
      if (!wanted.has(path) || !entry) return undefined
      const mode = ((await entry.mode()) ?? 0o100644).toString(8)
      items.push({ path, mode, oid: (await entry.oid())!, type: 'blob' })
      return undefined
    },
  })
  return items
}

async function writeEntry(git: Git, { path, oid, mode }: TreeEntry, context: CallContext): Promise<void> {
  context.signal.throwIfAborted()
  const blob = await git.readBlob(oid)
  const file = join(git.root, path)
  await mkdir(dirname(file), { recursive: true })
  if ((await realpath(dirname(file))) !== join(await realpath(git.root), dirname(path)))
    throw new SheikhError(
      'repository-invalid',
      `Cannot restore "${path}": a folder above it is a link. Remove the link.`,
    )
  await replaceEntry(file, blob, mode, git.directory)
}
