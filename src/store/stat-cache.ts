// What was found out about a file is used again while the file's stamp is the same. A stamp can lie in one way: a file
// that is changed twice within one tick of the file system's clock, and read in between, looks as it did when it was read
// (git calls such an entry "racily clean": git-scm.com/docs/racy-git). So a value is kept only where the file's last change
// was at least a tick before the file was read: any later change then shows.
import type { BigIntStats } from 'node:fs'
import { type CallContext, type Digest, isSheikhError, type Json, type JsonObject } from '../core/index.js'
import type { DocumentStore } from './store.js'

/** What tells a file's content from a later one. */
export interface FileStamp {
  /** Size, mtime, ctime, inode and mode. */
  readonly stamp: string
  /**
   * When the file was last changed, in nanoseconds since 1970: the later of mtime and ctime. A tool may set mtime back
   * (`tar`, `touch -d`); ctime it cannot.
   */
  readonly changedAtNs: bigint
}

export interface StatCache<V extends Json> {
  /** What is known of a file, if it is as it was. Ask before reading the file: the time of asking is taken for that of reading. */
  get(path: string, stamp: FileStamp): V | undefined
  /** The value that was kept for a file with this content id, whatever its stamp was. */
  find(path: string, contentId: string): V | undefined
  /** The stamps of files whose values are known, by path: those that somebody asked for, or all if nobody has asked yet. */
  stamps(): ReadonlyMap<string, string>
  /**
   * Keeps what was read, if no change since can be hidden by the clock.
   *
   * @param contentId a name of the content that was read, such as Git's blob id. @default none
   */
  set(path: string, stamp: FileStamp, value: V, contentId?: string | undefined): void
  /** Writes the document, if anything changed, without the entries that nobody asked for: call it after a whole pass. */
  save(): Promise<void>
}

// The coarsest clock of a file system in use is FAT's: two seconds. A time with a fraction of a second comes from a finer
// one, whose tick is at most 10 ms (a kernel's, at 100 Hz); ten of them allow for a server's clock that is a little off.
const coarseTickNs = 2_000_000_000n
const fineTickNs = 100_000_000n
const secondNs = 1_000_000_000n
const formatVersion = 2

export function fileStamp(stats: BigIntStats): FileStamp {
  const { size, mtimeNs, ctimeNs, ino, mode } = stats
  // biome-ignore lint/complexity/useMathMinMax: Math.max takes no bigint.
  return { stamp: `${size}-${mtimeNs}-${ctimeNs}-${ino}-${mode}`, changedAtNs: mtimeNs > ctimeNs ? mtimeNs : ctimeNs }
}

/** A time of a `Clock` in the unit of a file's times. */
export const nanosecondsOf = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n

/**
 * Whether a file's stamp tells its content from any later one: a change after `atNs` shows, since the file was last changed at
 * least a tick of the file system's clock before.
 */
export function isSettled(changedAtNs: bigint, atNs: bigint): boolean {
  const tickNs = changedAtNs % secondNs === 0n ? coarseTickNs : fineTickNs
  return changedAtNs + tickNs < atNs
}

/**
 * Loads a cache from the document `name`. One that is lost, torn, or was made under another `key` is empty.
 *
 * @param key digest of all but the file that values depend on: a schema, a projection, a version.
 */
export async function statCache<V extends Json>(
  documents: DocumentStore,
  name: string,
  key: Digest,
  context: CallContext,
): Promise<StatCache<V>> {
  context.signal.throwIfAborted()
  const known = toEntries<V>(await documents.read(name), key)
  const seen = new Map<string, Entry<V>>()
  const askedAtNs = new Map<string, bigint>()
  const nowNs = () => nanosecondsOf(context.clock.nowMs())
  const loadedAtNs = nowNs()
  let changed = false
  return {
    get(path, { stamp }) {
      const entry = seen.get(path) ?? known.get(path)
      if (entry !== undefined && entry.stamp === stamp) {
        seen.set(path, entry)
        return entry.value
      }
      askedAtNs.set(path, nowNs())
      return undefined
    },
    find(path, contentId) {
      const entry = seen.get(path) ?? known.get(path)
      return entry?.contentId === contentId ? entry.value : undefined
    },
    stamps: () => new Map([...(seen.size > 0 ? seen : known)].map(([path, { stamp }]) => [path, stamp])),
    set(path, { stamp, changedAtNs }, value, contentId) {
      const earlier = known.get(path)
      changed = true
      if (isSettled(changedAtNs, askedAtNs.get(path) ?? loadedAtNs)) seen.set(path, { stamp, contentId, value })
      // The stamp tells nothing yet; the content id does.
      else if (contentId !== undefined && earlier?.contentId === contentId) seen.set(path, earlier)
      else seen.delete(path)
    },
    async save() {
      if (!changed && seen.size === known.size) return
      const entries: Json[] = []
      for (const [path, { stamp, contentId, value }] of seen) entries.push(path, stamp, contentId ?? null, value)
      try {
        await documents.write(name, { formatVersion, key, entries })
      } catch (error) {
        // A cache that cannot be kept costs time. Commands that only read work in a folder that is read-only.
        if (!isSheikhError(error, 'storage-failed')) throw error
        context.log.debug(`The cache "${name}" is not kept: ${error.message}`)
        return
      }
      known.clear()
      for (const [path, entry] of seen) known.set(path, entry)
      changed = false
    },
  }
}

interface Entry<V> {
  readonly stamp: string
  readonly contentId: string | undefined
  readonly value: V
}

// A flat list of path, stamp, content id, value: of all forms the one that is parsed fastest.
function toEntries<V extends Json>(document: Json | undefined, key: Digest): Map<string, Entry<V>> {
  const entries = new Map<string, Entry<V>>()
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return entries
  const { formatVersion: itsVersion, key: itsKey, entries: list } = document as JsonObject
  if (itsVersion !== formatVersion || itsKey !== key || !Array.isArray(list)) return entries
  for (let index = 0; index + 3 < list.length; index += 4)
    entries.set(list[index] as string, {
      stamp: list[index + 1] as string,
      contentId: (list[index + 2] as string | null) ?? undefined,
      value: list[index + 3] as V,
    })
  return entries
}
