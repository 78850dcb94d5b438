// What was found out about a file is used again while the file's stamp is the same. A stamp can lie in one way: a file
// that is changed twice within one tick of the file system's clock, and read in between, looks as it did when it was read
// (git calls such an entry "racily clean": git-scm.com/docs/racy-git). So a value is kept only where the file's last change
// was at least a tick before the file was read: any later change then shows.
import type { BigIntStats } from 'node:fs'
import {
  type CallContext,
  type Digest,
  isSheikhError,
  type Json,
  type JsonObject,
  packTextList,
  TextList,
} from '../core/index.js'
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

export interface StatCache<V> {
  /** What is known of a file, if it is as it was. Ask before reading the file: the time of asking is taken for that of reading. */
  get(path: string, stamp: FileStamp): V | undefined
  /** The value that was kept for a file with this content id, whatever its stamp was. */
  find(path: string, contentId: string): V | undefined
  /** Whether no value is known. */
  readonly isEmpty: boolean
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

/** How the values of a cache are written. */
export interface ValueForm<V> {
  pack(values: readonly V[]): Json
  /** The same values, or `undefined` if they cannot be used here. A value may be made when it is asked for. */
  unpack(packed: Json): Pick<readonly V[], 'at'> | undefined
}

// The coarsest clock of a file system in use is FAT's: two seconds. A time with a fraction of a second comes from a finer
// one, whose tick is at most 10 ms (a kernel's, at 100 Hz); ten of them allow for a server's clock that is a little off.
const coarseTickNs = 2_000_000_000n
const fineTickNs = 100_000_000n
const secondNs = 1_000_000_000n
const formatVersion = 3

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
 * @param form how values are written. @default values are JSON
 */
export async function statCache<V = Json>(
  documents: DocumentStore,
  name: string,
  key: Digest,
  context: CallContext,
  form: ValueForm<V> = json as ValueForm<unknown> as ValueForm<V>,
): Promise<StatCache<V>> {
  context.signal.throwIfAborted()
  const kept = readKept<V>(await documents.read(name), key, form)
  let known: Known<V> = kept === undefined ? new Map() : placesIn(kept.paths)
  const seen = new Map<string, Place<V>>()
  const askedAtNs = new Map<string, bigint>()
  const nowNs = () => nanosecondsOf(context.clock.nowMs())
  const loadedAtNs = nowNs()
  let changed = false
  const placeOf = (path: string) => seen.get(path) ?? known.get(path)
  const valueAt = (place: Place<V>) => (typeof place === 'number' ? kept!.values.at(place)! : place.value)
  const stampAt = (place: Place<V>) => (typeof place === 'number' ? kept!.stamps.at(place) : place.stamp)
  const idAt = (place: Place<V>) => (typeof place === 'number' ? kept!.contentIds.at(place) : place.contentId)
  const hasStamp = (place: Place<V>, stamp: string) =>
    typeof place === 'number' ? kept!.stamps.isAt(place, stamp) : place.stamp === stamp
  const hasId = (place: Place<V>, id: string) =>
    id !== '' && (typeof place === 'number' ? kept!.contentIds.isAt(place, id) : place.contentId === id)
  return {
    get(path, { stamp }) {
      const place = placeOf(path)
      if (place !== undefined && hasStamp(place, stamp)) {
        seen.set(path, place)
        return valueAt(place)
      }
      askedAtNs.set(path, nowNs())
      return undefined
    },
    find(path, contentId) {
      const place = placeOf(path)
      return place !== undefined && hasId(place, contentId) ? valueAt(place) : undefined
    },
    get isEmpty() {
      return known.size === 0 && seen.size === 0
    },
    stamps: () => new Map([...(seen.size > 0 ? seen : known).entries()].map(([path, place]) => [path, stampAt(place)])),
    set(path, { stamp, changedAtNs }, value, contentId = '') {
      const earlier = known.get(path)
      changed = true
      if (isSettled(changedAtNs, askedAtNs.get(path) ?? loadedAtNs)) seen.set(path, { stamp, contentId, value })
      // The stamp tells nothing yet; the content id does.
      else if (earlier !== undefined && hasId(earlier, contentId)) seen.set(path, earlier)
      else seen.delete(path)
    },
    async save() {
      if (!changed && seen.size === known.size) return
      const places = [...seen.values()]
      const [paths, stamps, contentIds] = [[...seen.keys()], places.map(stampAt), places.map(idAt)].map(packTextList)
      const entries = { paths: paths!, stamps: stamps!, contentIds: contentIds! }
      const values = form.pack(places.map(valueAt))
      try {
        await documents.write(name, { formatVersion, key, entries, values })
      } catch (error) {
        // A cache that cannot be kept costs time. Commands that only read work in a folder that is read-only.
        if (!isSheikhError(error, 'storage-failed')) throw error
        context.log.debug(`The cache "${name}" is not kept: ${error.message}`)
        return
      }
      known = new Map(seen)
      changed = false
    },
  }
}

/** An entry, or its number among those of the document. */
type Place<V> = number | Entry<V>

interface Entry<V> {
  readonly stamp: string
  /** Empty: none. */
  readonly contentId: string
  readonly value: V
}

/** What a document holds, without an object per entry. */
interface Kept<V> {
  readonly paths: TextList
  readonly stamps: TextList
  readonly contentIds: TextList
  readonly values: Pick<readonly V[], 'at'>
}

/** Entries by path. */
interface Known<V> {
  readonly size: number
  get(path: string): Place<V> | undefined
  entries(): Iterable<readonly [path: string, place: Place<V>]>
}

/**
 * The numbers of paths. They are written in the order in which a pass asks for them, so most answers are the next number. A map
 * of a hundred thousand paths would take 50 ms.
 */
function placesIn(paths: TextList): Known<never> {
  let next = 0
  let other: { readonly sorted: number; readonly rest: ReadonlyMap<string, number> } | undefined
  const numberOf = (path: string): number | undefined => {
    if (next < paths.length && paths.isAt(next, path)) return next
    other ??= orderOf(paths)
    const at = firstFrom(paths, path, other.sorted)
    return at < other.sorted && paths.isAt(at, path) ? at : other.rest.get(path)
  }
  return {
    size: paths.length,
    get(path) {
      const number = numberOf(path)
      if (number !== undefined) next = number + 1
      return number
    },
    *entries() {
      for (let index = 0; index < paths.length; index += 1) yield [paths.at(index), index]
    },
  }
}

/** How many paths at the start are in order, and the numbers of the others. */
function orderOf(paths: TextList) {
  let sorted = Math.min(1, paths.length)
  for (let before = sorted === 1 ? paths.at(0) : ''; sorted < paths.length; sorted += 1) {
    const path = paths.at(sorted)
    if (path <= before) break
    before = path
  }
  const rest = new Map<string, number>()
  for (let index = sorted; index < paths.length; index += 1) rest.set(paths.at(index), index)
  return { sorted, rest }
}

/** The first of the sorted paths that is not before a path. */
function firstFrom(paths: TextList, path: string, sorted: number): number {
  let [low, high] = [0, sorted]
  while (low < high) {
    const middle = (low + high) >> 1
    if (paths.at(middle) < path) low = middle + 1
    else high = middle
  }
  return low
}

const json: ValueForm<Json> = {
  pack: (values) => values,
  unpack: (packed) => (Array.isArray(packed) ? packed : undefined),
}

function readKept<V>(document: Json | undefined, key: Digest, form: ValueForm<V>): Kept<V> | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined
  const { formatVersion: itsVersion, key: itsKey, entries, values: packed } = document as JsonObject
  if (itsVersion !== formatVersion || itsKey !== key || packed === undefined) return undefined
  const values = form.unpack(packed)
  if (values === undefined) return undefined
  const { paths, stamps, contentIds } = entries as Readonly<Record<'paths' | 'stamps' | 'contentIds', Json>>
  return { paths: new TextList(paths), stamps: new TextList(stamps), contentIds: new TextList(contentIds), values }
}
