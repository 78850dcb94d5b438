import type { ReadCommitResult, TreeEntry } from 'isomorphic-git'
import { type CallContext, SheikhError } from '../../../core/index.js'
import type { CommitRange, PastCommit, PathChange } from '../git.js'
import type { DurableFiles } from './durable-files.js'
import type { Library } from './isomorphic-git.js'

interface Reader {
  readonly commit: (oid: string) => Promise<ReadCommitResult | undefined>
  readonly tree: (oid: string) => Promise<readonly TreeEntry[]>
}

/** `Git.history` by isomorphic-git. */
export async function isomorphicHistory(
  library: Library,
  repository: { readonly fs: DurableFiles; readonly dir: string },
  { to, from, paths }: CommitRange,
  { signal }: CallContext,
): Promise<readonly PastCommit[]> {
  const cache = {}
  const reader: Reader = {
    commit: (oid) => library.readCommit({ ...repository, oid, cache }).catch(() => undefined),
    tree: async (oid) => (await library.readTree({ ...repository, oid, cache })).tree,
  }
  const older = from === undefined ? new Map() : await ancestorsOf(from, reader, new Set(), signal)
  const found = await ancestorsOf(to, reader, new Set(older.keys()), signal)
  for (const oid of [to, ...(from === undefined ? [] : [from])])
    if (!found.has(oid) && !older.has(oid)) throw missing(oid)
  const commits: PastCommit[] = []
  for (const { oid, commit } of newestFirst(found)) {
    signal.throwIfAborted()
    const parents = await Promise.all(commit.parent.map(reader.commit))
    const changes = parents.includes(undefined)
      ? undefined
      : await changesOf(
          reader,
          parents.map((parent) => parent!.commit.tree),
          commit.tree,
          wantedBy(paths),
        )
    if (paths !== undefined && changes?.length === 0) continue
    const { name, email, timestamp } = commit.author
    commits.push({
      ...{ oid, parents: commit.parent, message: commit.message, author: { name, email }, atMs: timestamp * 1000 },
      ...(changes !== undefined && { changes }),
    })
  }
  return commits
}

async function ancestorsOf(oid: string, reader: Reader, without: ReadonlySet<string>, signal: AbortSignal) {
  const found = new Map<string, ReadCommitResult>()
  const open = [oid]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    signal.throwIfAborted()
    if (found.has(next) || without.has(next)) continue
    const commit = await reader.commit(next)
    if (commit === undefined) continue
    found.set(next, commit)
    open.push(...commit.commit.parent)
  }
  return found
}

/** Children before parents, otherwise by date. */
function newestFirst(found: ReadonlyMap<string, ReadCommitResult>): readonly ReadCommitResult[] {
  const children = new Map<string, number>()
  for (const { commit } of found.values())
    for (const parent of commit.parent) children.set(parent, (children.get(parent) ?? 0) + 1)
  const date = ({ commit }: ReadCommitResult) => commit.committer.timestamp
  const ready = [...found.values()].filter(({ oid }) => !children.has(oid))
  const sorted: ReadCommitResult[] = []
  while (ready.length > 0) {
    ready.sort((one, other) => date(one) - date(other))
    const next = ready.pop()!
    sorted.push(next)
    for (const parent of next.commit.parent) {
      const left = children.get(parent)! - 1
      children.set(parent, left)
      if (left === 0 && found.has(parent)) ready.push(found.get(parent)!)
    }
  }
  return sorted
}

const wantedBy = (paths: readonly string[] | undefined) => ({
  has: (path: string) => paths === undefined || paths.some((wish) => path === wish || path.startsWith(`${wish}/`)),
  below: (path: string) => paths?.some((wish) => wish.startsWith(`${path}/`)) === true,
})

/** The files that differ from those of all parents. @param before the parents' trees; empty for the first commit. */
async function changesOf(
  reader: Reader,
  before: readonly (string | undefined)[],
  after: string | undefined,
  wanted: ReturnType<typeof wantedBy>,
  folder = '',
): Promise<readonly PathChange[]> {
  if (before.includes(after)) return []
  const [now, ...parents] = await Promise.all(
    [after, ...before].map(
      async (oid) => new Map((oid === undefined ? [] : await reader.tree(oid)).map((entry) => [entry.path, entry])),
    ),
  )
  const changes: PathChange[] = []
  for (const name of new Set([now!, ...parents].flatMap((entries) => [...entries.keys()]))) {
    const path = folder === '' ? name : `${folder}/${name}`
    const [is, ...was] = [now!, ...parents].map((entries) => entries.get(name))
    const isSame = (entry: TreeEntry | undefined) => entry?.oid === is?.oid && entry?.mode === is?.mode
    if (was.some(isSame) || !(wanted.has(path) || wanted.below(path))) continue
    const treeOf = (entry: TreeEntry | undefined) => (entry?.type === 'tree' ? entry.oid : undefined)
    if ([is, ...was].some((entry) => treeOf(entry) !== undefined))
      changes.push(...(await changesOf(reader, was.map(treeOf), treeOf(is), wanted, path)))
    const fileOf = (entry: TreeEntry | undefined) => (entry?.type === 'tree' ? undefined : entry)
    const [file, ...files] = [is, ...was].map(fileOf)
    if (!wanted.has(path) || (file === undefined && files.every((entry) => entry === undefined))) continue
    const blobOf = (entry: TreeEntry | undefined) => (entry?.type === 'blob' ? entry.oid : undefined)
    const blob = blobOf(file)
    changes.push({
      path,
      change: file === undefined ? 'removed' : files.some((entry) => entry !== undefined) ? 'changed' : 'added',
      before: files.flatMap((entry) => blobOf(entry) ?? []),
      ...(blob !== undefined && { after: blob }),
    })
  }
  return changes
}

const missing = (commit: string) =>
  new SheikhError(
    'repository-invalid',
    `Cannot read the history: this clone lacks the commit ${commit}. In a shallow clone, fetch it: git fetch --unshallow`,
    { facts: { commit } },
  )
