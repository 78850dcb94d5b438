import { createHash } from 'node:crypto'
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs'
import { readFile, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type CallContext, digestJson } from '../../../core/index.js'
import { type DocumentStore, fileStamp, type StatCache, statCache } from '../../../store/index.js'
import type { Changes, TreeEntry } from '../git.js'
import { notUtf8Name } from './unsupported.js'

/** What the comparison needs of a repository. */
interface WorkTree {
  readonly root: string
  readonly committed: ReadonlyMap<string, TreeEntry>
  isIgnored(path: string): Promise<boolean>
  /** False where `core.fileMode` says that the file system keeps no modes. */
  readonly keepsModes: boolean
  /** For what only the program `git` can do. */
  readonly remedy: string
}

const cacheKey = digestJson({ kind: 'git-blobs', formatVersion: 1 })

/**
 * How the files below `paths` differ from those of a commit, by content and mode. With a cache, a file whose stat is as it
 * was is not read. `.gitattributes` and `core.autocrlf` are not applied.
 */
export async function compareWorkTree(
  { root, committed, isIgnored, keepsModes, remedy }: WorkTree,
  paths: readonly string[],
  context: CallContext,
  cache?: DocumentStore | undefined,
): Promise<Changes> {
  const oids = cache === undefined ? undefined : await statCache<string>(cache, 'git-blobs', cacheKey, context)
  const changed: string[] = []
  const ignored: string[] = []
  const seen = new Set<string>()
  for (const [path, stats] of await listFiles({ root, remedy }, paths, context)) {
    seen.add(path)
    const entry = committed.get(path)
    if (entry === undefined) ((await isIgnored(path)) ? ignored : changed).push(path)
    else if (!sameMode(entry.mode, stats, keepsModes) || entry.oid !== (await blobOid(root, path, stats, oids)))
      changed.push(path)
  }
  await oids?.save()
  return { changed, deleted: [...committed.keys()].filter((path) => !seen.has(path)), ignored, absent: [] }
}

const sameMode = (mode: string, stats: BigIntStats, keepsModes: boolean) =>
  mode === modeOf(stats) || (!keepsModes && mode.startsWith('100') && stats.isFile())

/** Files and symbolic links, folder by folder: ten thousand promises would take longer than the calls themselves. */
async function listFiles(
  { root, remedy }: Pick<WorkTree, 'root' | 'remedy'>,
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
      // Node replaces bytes of a name that are not UTF-8 by U+FFFD, and then finds no such file.
      if (item.name.includes('\uFFFD') && lstatSync(join(root, below), { throwIfNoEntry: false }) === undefined)
        throw notUtf8Name(remedy, below)
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
