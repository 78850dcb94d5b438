import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type CallContext, type Digest, digestBytes, messageOf, Slots } from '../../core/index.js'
import {
  type FileStamp,
  fileStamp,
  isSettled,
  type LfsPointer,
  lfsPointerOf,
  nanosecondsOf,
  type StatCache,
} from '../../store/index.js'
import { digestOfFile, digestOfSmall, FileProblem, readSmall, stampOfFile } from './digest-file.js'
import {
  contentIdOf,
  digestIn,
  type FilePlace,
  type FoundFiles,
  fetchPointed,
  hashedAtOnce,
  type KnownFile,
  type PointedFile,
} from './file-place.js'
import { FolderNames, type NamedEntry } from './folder-names.js'
import type { NamedFilesOptions } from './named-files.js'

const filesPerTurn = 100
/** Files whose digests are kept between runs. Further ones are hashed in every run. */
const maximumKept = 250_000
/** Hashing one file takes as long as the programs of Git need to compare so many files with the index. */
const comparedPerHash = 1000
/** Fewer files are hashed faster than the programs of Git start that name their contents. */
const fewestForContentIds = 256

/** A file that is a pointer to one that is not known yet. */
class Pointed {
  readonly pointer: LfsPointer

  constructor(pointer: LfsPointer) {
    this.pointer = pointer
  }
}

/** Files below a folder. */
export class FilesOnDisk implements FilePlace {
  readonly #root: string
  readonly #options: NamedFilesOptions
  readonly #cache: StatCache<KnownFile> | undefined
  readonly #context: CallContext
  readonly #names = new FolderNames((folder) => this.#list(folder))
  /** Of folders when they were listed, if any later change shows in the stamp. */
  readonly #folderStamps = new Map<string, string>()
  readonly #slots = new Slots(hashedAtOnce)
  readonly #found = new Map<string, PointedFile | undefined>()
  #isAllKept = true
  #kept = 0
  #missed = 0
  #hashed = 0
  /** Files that were hashed before Git was asked for the names of contents. */
  readonly #unnamed: (readonly [path: string, stamp: FileStamp, known: KnownFile])[] = []
  #contentIds: Promise<{ readonly ids: ReadonlyMap<string, string>; readonly atNs: bigint }> | undefined

  constructor(root: string, options: NamedFilesOptions, cache: StatCache<KnownFile> | undefined, context: CallContext) {
    this.#root = root
    this.#options = options
    this.#cache = cache
    this.#context = context
  }

  get found(): FoundFiles {
    return this.#found
  }

  digestOf(written: string): Digest | Promise<Digest> {
    const named = this.#names.find(written)
    if ('problem' in named) throw new FileProblem(named.problem)
    const path = named.found
    const stamp = this.#stampOf(path)
    if (stamp === undefined) throw new FileProblem('no longer exists; add it, or correct the path')
    const kept = this.#usable(this.#cache?.get(path, stamp))
    return kept === undefined ? this.#digestNow(path, stamp) : this.#note(path, kept)
  }

  async #digestNow(path: string, stamp: FileStamp): Promise<Digest> {
    const known = await this.#slots.use(() => this.#read(path, stamp))
    return known instanceof Pointed ? this.#fetched(path, known.pointer, stamp) : this.#note(path, known)
  }

  known(): Digest | undefined {
    const stamps = this.#cache?.stamps()
    if (stamps === undefined || stamps.size === 0) return undefined
    for (const [path, stamp] of stamps) if (this.#stampOf(path)?.stamp !== stamp) return undefined
    const found = foldersOf(stamps.keys()).map((folder) => [folder, this.#stampOfFolder(folder)?.stamp ?? ''] as const)
    return digestOfStamps(stamps, found)
  }

  async save(): Promise<Digest | undefined> {
    if (this.#cache === undefined) return undefined
    await this.#nameContents(this.#cache)
    await this.#cache.save()
    const stamps = this.#cache.stamps()
    const found = foldersOf(stamps.keys()).map((folder) => [folder, this.#folderStamps.get(folder)] as const)
    const isSafe = this.#isAllKept && stamps.size > 0 && found.every(([, stamp]) => stamp !== undefined)
    return isSafe ? digestOfStamps(stamps, found as readonly (readonly [string, string])[]) : undefined
  }

  /** A pointer is an error without `largeFiles`, whatever is known of its file. */
  #usable(known: KnownFile | undefined): KnownFile | undefined {
    return this.#options.largeFiles === undefined && typeof known === 'object' ? undefined : known
  }

  #note(path: string, known: KnownFile): Digest {
    if (this.#options.largeFiles !== undefined) this.#found.set(path, typeof known === 'string' ? undefined : known)
    return digestIn(known)
  }

  /** The digest of the file that a pointer stands for. Waits for a download without taking the place of a file to hash. */
  async #fetched(path: string, pointer: LfsPointer, stamp: FileStamp): Promise<Digest> {
    const contentId = contentIdOf(pointer.oid, pointer.sizeBytes ?? -1)
    let known = pointer.isComplete ? this.#usable(this.#cache?.find(path, contentId)) : undefined
    known ??= await fetchPointed(
      path,
      pointer,
      { root: this.#root, largeFiles: this.#options.largeFiles!, hash: (work) => this.#slots.use(work) },
      this.#context,
    )
    this.#keep(path, stamp, known, contentId)
    return this.#note(path, known)
  }

  #stampOf(path: string): FileStamp | undefined {
    return stampOfFile(join(this.#root, path))
  }

  #stampOfFolder(folder: string): FileStamp | undefined {
    const stats = statSync(join(this.#root, folder), { bigint: true, throwIfNoEntry: false })
    return stats?.isDirectory() ? fileStamp(stats) : undefined
  }

  #list(folder: string): readonly NamedEntry[] | string {
    const stamp = this.#stampOfFolder(folder)
    if (stamp !== undefined && isSettled(stamp.changedAtNs, this.#nowNs())) this.#folderStamps.set(folder, stamp.stamp)
    return entriesOnDisk(join(this.#root, folder))
  }

  async #read(path: string, stamp: FileStamp): Promise<KnownFile | Pointed> {
    this.#context.signal.throwIfAborted()
    const contentId = await this.#contentIdOf(path, stamp)
    const kept = contentId === undefined ? undefined : this.#usable(this.#cache?.find(path, contentId))
    const known = kept ?? (await this.#hash(path, stamp))
    if (known instanceof Pointed) return known
    this.#keep(path, stamp, known, contentId)
    if (contentId === undefined && this.#contentIds === undefined) this.#unnamed.push([path, stamp, known])
    return known
  }

  #keep(path: string, stamp: FileStamp, known: KnownFile, contentId: string | undefined): void {
    const { changedAtNs } = stamp
    if (this.#kept >= maximumKept) this.#isAllKept = false
    else {
      this.#kept += 1
      this.#cache?.set(path, stamp, known, contentId)
      if (!isSettled(changedAtNs, this.#nowNs())) this.#isAllKept = false
    }
  }

  /** The name of the content that a file has now and had when Git was asked. */
  async #contentIdOf(path: string, { changedAtNs }: FileStamp): Promise<string | undefined> {
    const { contentIds } = this.#options
    this.#missed += 1
    if (this.#cache === undefined || contentIds === undefined || this.#missed < fewestForContentIds) return undefined
    const { ids, atNs } = await this.#idsOf(contentIds)
    return isSettled(changedAtNs, atNs) ? ids.get(path) : undefined
  }

  #idsOf(contentIds: NonNullable<NamedFilesOptions['contentIds']>) {
    this.#contentIds ??= (async (atNs) => ({ ids: await contentIds(this.#context), atNs }))(this.#nowNs())
    return this.#contentIds
  }

  /** Keeps Git's names of contents that were hashed without them: in a commit, such a file is known by this name alone. */
  async #nameContents(cache: StatCache<KnownFile>): Promise<void> {
    const { contentIds } = this.#options
    const unnamed = this.#unnamed.splice(0)
    if (contentIds === undefined || unnamed.length === 0) return
    if (unnamed.length * comparedPerHash < cache.stamps().size) return
    const { ids, atNs } = await this.#idsOf(contentIds)
    for (const [path, stamp, known] of unnamed) {
      const id = ids.get(path)
      // With the same stamp now, the file was the same while Git compared it.
      const isSame = isSettled(stamp.changedAtNs, atNs) && this.#stampOf(path)?.stamp === stamp.stamp
      if (id !== undefined && isSame) cache.set(path, stamp, known, id)
    }
  }

  async #hash(path: string, stamp: FileStamp): Promise<Digest | Pointed> {
    this.#hashed += 1
    // Reading small files takes no turn of the event loop.
    if (this.#hashed % filesPerTurn === 0) await setImmediate()
    const file = join(this.#root, path)
    const small = readSmall(file, stamp)
    if (small === undefined) return digestOfFile(file, path, stamp, this.#context.signal)
    const pointer = this.#options.largeFiles && lfsPointerOf(small)
    return pointer === undefined ? digestOfSmall(path, small) : new Pointed(pointer)
  }

  #nowNs(): bigint {
    return nanosecondsOf(this.#context.clock.nowMs())
  }
}

/** The entries of a folder, or why it cannot be read. */
export function entriesOnDisk(path: string): readonly NamedEntry[] | string {
  try {
    return readdirSync(path, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other',
    }))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return code === 'ENOENT'
      ? `does not exist: there is no folder ${JSON.stringify(path)}; create it`
      : `cannot be found: ${messageOf(error)}; correct the permissions`
  }
}

/** Every folder on the way to the files, also that of all of them: another name there may clash with one of a path. */
function foldersOf(paths: Iterable<string>): readonly string[] {
  const folders = new Set([''])
  for (const path of paths)
    for (
      let end = path.lastIndexOf('/');
      end > 0 && !folders.has(path.slice(0, end));
      end = path.lastIndexOf('/', end - 1)
    )
      folders.add(path.slice(0, end))
  return [...folders]
}

function digestOfStamps(
  stamps: ReadonlyMap<string, string>,
  folders: readonly (readonly [folder: string, stamp: string])[],
): Digest {
  const lines = [...stamps].map(([path, stamp]) => `${path}\0${stamp}`).sort()
  return digestBytes([...lines, ...folders.map(([folder, stamp]) => `${folder}/\0${stamp}`).sort()].join('\0\0'))
}
