import type { TreeEntry } from 'isomorphic-git'
import { refuse } from './answer.js'
import { readTree, writeTree } from './git-objects.js'
import type { HubRepository } from './repositories.js'

/** Path → the blob that is to lie there; `undefined`: nothing, whether it was a file or a folder. */
export type TreeChanges = ReadonlyMap<string, string | undefined>

/** Reads and writes only the folders that change. @returns `undefined`: nothing is left. */
export async function changedTree(
  repository: HubRepository,
  tree: string | undefined,
  changes: TreeChanges,
): Promise<string | undefined> {
  const entries = new Map<string, TreeEntry>()
  if (tree !== undefined) for (const entry of await readTree(repository, tree)) entries.set(entry.path, entry)
  const folders = new Map<string, Map<string, string | undefined>>()
  for (const [path, oid] of changes) {
    const slash = path.indexOf('/')
    if (slash >= 0) {
      const name = path.slice(0, slash)
      const inside = folders.get(name) ?? new Map<string, string | undefined>()
      folders.set(name, inside.set(path.slice(slash + 1), oid))
    } else if (oid === undefined) entries.delete(path)
    else entries.set(path, { mode: '100644', path, oid, type: 'blob' })
  }
  for (const [path, inside] of folders) {
    const before = entries.get(path)
    const oid = await changedTree(repository, before?.type === 'tree' ? before.oid : undefined, inside)
    if (oid !== undefined) entries.set(path, { mode: '040000', path, oid, type: 'tree' })
    else if (before?.type === 'tree') entries.delete(path)
  }
  return entries.size === 0 ? undefined : await writeTree(repository, entries.values())
}

export async function entryAt(repository: HubRepository, tree: string, path: string): Promise<TreeEntry | undefined> {
  let entry: TreeEntry | undefined
  for (const name of path.split('/')) {
    if (entry !== undefined && entry.type !== 'tree') return undefined
    entry = (await readTree(repository, entry?.oid ?? tree)).find((one) => one.path === name)
    if (entry === undefined) return undefined
  }
  return entry
}

/** Folders before what lies in them. `path` is that from the root. */
export async function* walkTree(
  repository: HubRepository,
  tree: string,
  prefix: string,
  isRecursive: boolean,
): AsyncGenerator<TreeEntry> {
  for (const entry of await readTree(repository, tree)) {
    const path = prefix + entry.path
    yield { ...entry, path }
    if (isRecursive && entry.type === 'tree') yield* walkTree(repository, entry.oid, `${path}/`, true)
  }
}

/** @throws what says so to the client, for a path that climbs or that Git keeps for itself. */
export function checkPath(path: string): string {
  const isBad = path.split('/').some((name) => /^(?:|\.|\.\.|\.git)$/i.test(name)) || /[\0\\]/.test(path)
  if (isBad) throw refuse(400, `Invalid path in repository: ${JSON.stringify(path)}`)
  return path
}
