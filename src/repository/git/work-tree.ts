import { createHash } from 'node:crypto'
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs'
import { readFile, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type CallContext, digestJson } from '../../core/index.js'
import { type Documents, fileStamp, type StatCache, statCache } from '../../store/index.js'
import type { Git, TreeEntry } from './git.js'

export interface Changes {
  /** Files that are new or other than in the commit. */
  readonly changed: readonly string[]
  readonly deleted: readonly string[]
}

const cacheKey = digestJson({ kind: 'git-blobs', formatVersion: 1 })

/**
 * How the work tree below `paths` differs from HEAD's tree, by content and mode; ignored files are passed over. With a
 * cache a file whose stat is as it was is not read. `.gitattributes` and `core.autocrlf` are not applied: what is on disk
 * is compared with what is committed.
 */
export async function findChanges(
  git: Git,
  paths: readonly string[],
  context: CallContext,
  cache?: Documents | undefined,
): Promise<Changes> {
  const head = await git.head()
  const committed = head === undefined ? new Map<string, TreeEntry>() : await git.tree(head.oid, paths)
  const oids = cache === undefined ? undefined : await statCache<string>(cache, 'git-blobs', cacheKey, context)
  const changed: string[] = []
  const seen = new Set<string>()
  for (const [path, stats] of await listFiles(git.root, paths, context)) {
    seen.add(path)
    const entry = committed.get(path)
    if (entry === undefined) {
      if (!(await git.isIgnored(path))) changed.push(path)
    } else if (entry.mode !== modeOf(stats) || entry.oid !== (await blobOid(git.root, path, stats, oids)))
      changed.push(path)
  }
  await oids?.save()
  return { changed, deleted: [...committed.keys()].filter((path) => !seen.has(path)) }
}

/** Files and symbolic links, folder by folder: ten thousand promises would take longer than the calls themselves. */
async function listFiles(
  root: string,
  paths: readonly string[],
  context: CallContext,
): Promise<readonly (readonly [string, BigIntStats])[]> {
  const files: [string, BigIntStats][] = []
  const visit = async (path: string): Promise<void> => {
    context.signal.throwIfAborted()
    const stats = lstatSync(join(root, path), { bigint: true, throwIfNoEntry: false })
    if (stats === undefined) return
    if (!stats.isDirectory()) {
      if (stats.isFile() || stats.isSymbolicLink()) files.push([path, stats])
      return
    }
    await setImmediate()
    for (const item of readdirSync(join(root, path), { withFileTypes: true })) {
      if (item.name === '.git') continue
      const below = `${path}/${item.name}`
      if (item.isDirectory()) await visit(below)
      else if (item.isFile() || item.isSymbolicLink())
        files.push([below, lstatSync(join(root, below), { bigint: true })])
    }
  }
  const links = new Map<string, boolean>()
  // What is reached through a link is not in the work tree.
  const isBehindLink = (path: string): boolean => {
    const folder = dirname(path)
    if (folder === '.') return false
    const known = links.get(folder)
    if (known !== undefined) return known
    const isLink = lstatSync(join(root, folder), { throwIfNoEntry: false })?.isSymbolicLink() === true
    const answer = isLink || isBehindLink(folder)
    links.set(folder, answer)
    return answer
  }
  for (const path of paths) if (!isBehindLink(path)) await visit(path)
  return files
}

const modeOf = (stats: BigIntStats) =>
  stats.isSymbolicLink() ? '120000' : (stats.mode & 0o111n) !== 0n ? '100755' : '100644'

async function blobOid(
  root: string,
  path: string,
  stats: BigIntStats,
  cache: StatCache<string> | undefined,
): Promise<string> {
  const stamp = fileStamp(stats)
  const known = cache?.get(path, stamp)
  if (known !== undefined) return known
  const content = stats.isSymbolicLink()
    ? Buffer.from(await readlink(join(root, path)))
    : await readFile(join(root, path))
  // A blob's name: SHA-1 of "blob <size>\0" and the content.
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  cache?.set(path, stamp, oid)
  return oid
}
