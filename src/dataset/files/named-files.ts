// Files that samples name. Their digests are kept by their stamps, and by Git's names of their contents, as those of sample
// files are: a run on unchanged files reads none of them.
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  type CallContext,
  type Digest,
  digestBytes,
  digestJson,
  messageOf,
  plainPath,
  SheikhError,
  Slots,
} from '../../core/index.js'
import {
  type FileStamp,
  fileStamp,
  isSettled,
  type LfsPointer,
  lfsPointerOf,
  maximumPointerBytes,
  nanosecondsOf,
  type StatCache,
  statCache,
} from '../../store/index.js'
import type { DatasetContext } from '../dataset-types.js'
import { type LargeFiles, largeFileAt } from '../sources/large-files.js'
import { ContentDigest, contentDigest } from './content-digest.js'
import { contentProblem, headBytes, tailBytes } from './file-kinds.js'
import { FolderNames } from './folder-names.js'
import { namedPaths, pathProblem } from './named-paths.js'

/** Files that samples name, such as images. Their content is part of the identity of a row. */
export interface NamedFilesOptions {
  /** The folder that the paths in samples are relative to, such as `dataset`. */
  readonly directory: string
  /**
   * Fields of a sample with a path or a list of paths: `image`, or `messages.image` for a field within another, or within
   * each object of a list.
   */
  readonly fields: readonly string[]
  /** Names of the contents of files by path below `directory`, such as Git's blob ids. @default none */
  readonly contentIds?: ((context: CallContext) => Promise<ReadonlyMap<string, string>>) | undefined
  /** Gets files of Git LFS that the checkout has pointers to. @default a pointer is an error */
  readonly largeFiles?: LargeFiles | undefined
}

/** The file of Git LFS that a pointer in the checkout stands for. */
export interface PointedFile {
  readonly digest: Digest
  /** SHA-256 of the content, in hexadecimal digits. */
  readonly oid: string
  readonly sizeBytes: number
}

/** What is known of a file: its digest. */
type KnownFile = Digest | PointedFile

/** The files that samples name, by path below the folder. `undefined`: the checkout has the file itself. */
export type FoundFiles = ReadonlyMap<string, PointedFile | undefined>

/** Digests by the path that a sample has. */
export type FileDigests = Readonly<Record<string, Digest>>

/** Files hashed at the same time. */
const hashedAtOnce = 16
const pieceBytes = 256 * 1024
const filesPerTurn = 100
// Without O_NONBLOCK, opening a FIFO that nobody writes to never returns. Windows has neither flag.
const openFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** Files whose digests are kept between runs. Further ones are hashed in every run. */
const maximumKept = 250_000
/** Fewer files are hashed faster than the programs of Git start that name their contents. */
const fewestForContentIds = 256

// Raise this when the same content leads to another digest or is checked differently.
const digestVersion = 1

/** Checks options. @throws `invalid-options`. */
export function checkNamedFiles({ directory, fields }: NamedFilesOptions): void {
  plainPath(directory, 'the directory of files that samples name')
  if (fields.length === 0 || fields.some((field) => typeof field !== 'string' || field === ''))
    throw new SheikhError(
      'invalid-options',
      'Cannot make a dataset: "files" names no fields, or an empty one. Name the fields of samples that contain paths, such as "image".',
    )
}

export async function openNamedFiles(options: NamedFilesOptions, context: DatasetContext): Promise<NamedFiles> {
  const root = resolve(options.directory)
  const name = `dataset-files-${digestJson({ root, fields: [...options.fields] }).slice(-16)}`
  const cache = context.cache && (await statCache<KnownFile>(context.cache, name, digestJson(digestVersion), context))
  return new NamedFiles(root, options, cache, context)
}

/** Thrown for a file that cannot be used. The message continues the name of the file. */
class FileProblem extends Error {}

/** A file that is a pointer to one that is not known yet. */
class Pointed {
  readonly pointer: LfsPointer

  constructor(pointer: LfsPointer) {
    this.pointer = pointer
  }
}

/** The files that the samples of a dataset name, during one or more reads of the samples. */
export class NamedFiles {
  readonly #root: string
  readonly #options: NamedFilesOptions
  readonly #cache: StatCache<KnownFile> | undefined
  readonly #context: CallContext
  readonly #names: FolderNames
  readonly #slots = new Slots(hashedAtOnce)
  readonly #fieldsSeen = new Set<string>()
  readonly #found = new Map<string, PointedFile | undefined>()
  #isAllKept = true
  #kept = 0
  #missed = 0
  #hashed = 0
  #contentIds: Promise<{ readonly ids: ReadonlyMap<string, string>; readonly atNs: bigint }> | undefined

  constructor(root: string, options: NamedFilesOptions, cache: StatCache<KnownFile> | undefined, context: CallContext) {
    this.#root = root
    this.#options = options
    this.#cache = cache
    this.#context = context
    this.#names = new FolderNames(root, () => this.#nowNs())
  }

  /** The digests of the files that a sample names; `undefined` if it names none. What is wrong with them is returned as text. */
  async digestsOf(sample: unknown): Promise<FileDigests | readonly string[] | undefined> {
    const named = namedPaths(sample, this.#options.fields)
    if (typeof named === 'string') return [named]
    if (named.length === 0) return undefined
    const problems: string[] = []
    const digests = await Promise.all(
      named.map(async ({ field, path }): Promise<readonly [string, Digest] | undefined> => {
        this.#fieldsSeen.add(field)
        try {
          return [path, await this.#digestOf(path)]
        } catch (error) {
          if (!(error instanceof FileProblem)) throw error
          problems.push(`${this.#shown(path)} in the field ${JSON.stringify(field)} ${error.message}`)
          return undefined
        }
      }),
    )
    return problems.length > 0 ? problems : Object.fromEntries(digests.map((one) => one!))
  }

  /** Whether files still have these digests. */
  async have(digests: FileDigests): Promise<boolean> {
    try {
      for (const [path, digest] of Object.entries(digests)) if ((await this.#digestOf(path)) !== digest) return false
      return true
    } catch (error) {
      // Reading the sample again tells the problem with its place.
      if (error instanceof FileProblem) return false
      throw error
    }
  }

  /** @throws `dataset-invalid` for a field in which no sample that was read names a file, such as a misspelled one. */
  refuseUnusedFields(): void {
    const unused = this.#options.fields.filter((field) => !this.#fieldsSeen.has(field))
    if (unused.length === 0) return
    const names = unused.map((field) => JSON.stringify(field)).join(', ')
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the dataset: no sample names a file in ${unused.length === 1 ? 'the field' : 'the fields'} ${names}. Correct "files", or the samples.`,
      { facts: { fields: unused } },
    )
  }

  /** A digest over the names and stamps of the files that the last scan read, if all are as they were then. */
  known(): Digest | undefined {
    const stamps = this.#cache?.stamps()
    if (stamps === undefined || stamps.size === 0) return undefined
    for (const [path, stamp] of stamps) if (this.#stampOf(path)?.stamp !== stamp) return undefined
    const found = foldersOf(stamps.keys()).map((folder) => [folder, this.#names.stampNow(folder) ?? ''] as const)
    return digestOfStamps(stamps, found)
  }

  /** Keeps what was found out. @returns the digest that `known` returns while nothing changes; `undefined` if a change might not show. */
  async save(): Promise<Digest | undefined> {
    if (this.#cache === undefined) return undefined
    await this.#cache.save()
    const stamps = this.#cache.stamps()
    const found = foldersOf(stamps.keys()).map((folder) => [folder, this.#names.settledStamp(folder)] as const)
    const isSafe = this.#isAllKept && stamps.size > 0 && found.every(([, stamp]) => stamp !== undefined)
    return isSafe ? digestOfStamps(stamps, found as readonly (readonly [string, string])[]) : undefined
  }

  /** The files whose digests were asked for. Empty without `largeFiles`. */
  get found(): FoundFiles {
    return this.#found
  }

  #shown(path: string): string {
    return JSON.stringify(`${basename(this.#root)}/${path}`)
  }

  async #digestOf(written: string): Promise<Digest> {
    const wrong = pathProblem(written)
    if (wrong !== undefined) throw new FileProblem(wrong)
    const named = this.#names.find(written)
    if ('problem' in named) throw new FileProblem(named.problem)
    const path = named.found
    const stamp = this.#stampOf(path)
    if (stamp === undefined) throw new FileProblem('no longer exists; add it, or correct the path')
    const kept = this.#usable(this.#cache?.get(path, stamp))
    const known = kept ?? (await this.#slots.use(() => this.#read(path, stamp)))
    if (known instanceof Pointed) return this.#fetched(path, known.pointer, stamp)
    return this.#note(path, known)
  }

  /** A pointer is an error without `largeFiles`, whatever is known of its file. */
  #usable(known: KnownFile | undefined): KnownFile | undefined {
    return this.#options.largeFiles === undefined && typeof known === 'object' ? undefined : known
  }

  #note(path: string, known: KnownFile): Digest {
    const pointed = typeof known === 'string' ? undefined : known
    if (this.#options.largeFiles !== undefined) this.#found.set(path, pointed)
    return typeof known === 'string' ? known : known.digest
  }

  /** The digest of the file that a pointer stands for. Waits for a download without taking the place of a file to hash. */
  async #fetched(path: string, pointer: LfsPointer, stamp: FileStamp): Promise<Digest> {
    const { oid, sizeBytes = -1 } = pointer
    const contentId = `lfs-${oid}-${sizeBytes}`
    let known = pointer.isComplete ? this.#usable(this.#cache?.find(path, contentId)) : undefined
    if (known === undefined) {
      const problem = (message: string, cause?: unknown) => new FileProblem(message.replace(/^it /, ''), { cause })
      const object = await largeFileAt(
        pointer,
        `${basename(this.#root)}/${path}`,
        { largeFiles: this.#options.largeFiles!, problem },
        this.#context,
      )
      const digest = await this.#slots.use(async () => {
        const found = stampOfFile(object)
        if (found === undefined) throw changed()
        return this.#digestOfFile(object, path, found)
      })
      known = { digest, oid, sizeBytes }
    }
    this.#keep(path, stamp, known, contentId)
    return this.#note(path, known)
  }

  #stampOf(path: string): FileStamp | undefined {
    return stampOfFile(join(this.#root, path))
  }

  async #read(path: string, stamp: FileStamp): Promise<KnownFile | Pointed> {
    this.#context.signal.throwIfAborted()
    const contentId = await this.#contentIdOf(path, stamp)
    const kept = contentId === undefined ? undefined : this.#usable(this.#cache?.find(path, contentId))
    const known = kept ?? (await this.#hash(path, stamp))
    if (!(known instanceof Pointed)) this.#keep(path, stamp, known, contentId)
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
    this.#contentIds ??= (async (atNs) => ({ ids: await contentIds(this.#context), atNs }))(this.#nowNs())
    const { ids, atNs } = await this.#contentIds
    return isSettled(changedAtNs, atNs) ? ids.get(path) : undefined
  }

  async #hash(path: string, stamp: FileStamp): Promise<Digest | Pointed> {
    this.#hashed += 1
    // Reading small files takes no turn of the event loop.
    if (this.#hashed % filesPerTurn === 0) await setImmediate()
    const file = join(this.#root, path)
    const small = readSmall(file, stamp)
    if (small === undefined) return this.#digestOfFile(file, path, stamp)
    const pointer = this.#options.largeFiles && lfsPointerOf(small)
    return pointer === undefined ? this.#digestOfSmall(path, small) : new Pointed(pointer)
  }

  #digestOfSmall(path: string, content: Buffer): Digest {
    this.#check(path, content.length, content, content)
    return contentDigest(content)
  }

  /** @param path by which samples name the file. */
  async #digestOfFile(location: string, path: string, stamp: FileStamp): Promise<Digest> {
    const small = readSmall(location, stamp)
    if (small !== undefined) return this.#digestOfSmall(path, small)
    let file: FileHandle | undefined
    try {
      file = await open(location, openFlags)
      const stats = await file.stat({ bigint: true })
      if (!stats.isFile()) throw new FileProblem('is not a regular file; replace it with the file itself')
      if (fileStamp(stats).stamp !== stamp.stamp) throw changed()
      return await this.#digestOfContent(path, file, Number(stats.size))
    } catch (error) {
      if (error instanceof FileProblem || this.#context.signal.aborted) throw error
      throw new FileProblem(`cannot be read: ${messageOf(error)}; correct the permissions, or the disk`)
    } finally {
      await file?.close()
    }
  }

  async #digestOfContent(path: string, file: FileHandle, sizeBytes: number): Promise<Digest> {
    const hash = new ContentDigest()
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(pieceBytes, sizeBytes)))
    let [head, tail] = [Buffer.alloc(0), Buffer.alloc(0)]
    for (let position = 0; position < sizeBytes; ) {
      this.#context.signal.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) throw changed()
      const piece = buffer.subarray(0, bytesRead)
      hash.update(piece)
      if (position < headBytes) head = Buffer.concat([head, piece.subarray(0, headBytes)])
      if (sizeBytes - position - bytesRead < tailBytes) tail = Buffer.concat([tail, piece])
      position += bytesRead
    }
    this.#check(path, sizeBytes, head, tail)
    return hash.digest()
  }

  /** @param head the first bytes. @param tail the last bytes, or more. */
  #check(path: string, sizeBytes: number, head: Buffer, tail: Buffer): void {
    if (sizeBytes < maximumPointerBytes && lfsPointerOf(tail) !== undefined)
      throw new FileProblem('is a Git LFS pointer, not the file itself; to fetch the file, run: git lfs pull')
    const problem = contentProblem(path, sizeBytes, head, tail.subarray(Math.max(0, tail.length - tailBytes)))
    if (problem !== undefined) throw new FileProblem(problem)
  }

  #nowNs(): bigint {
    return nanosecondsOf(this.#context.clock.nowMs())
  }
}

/** The content of a small file. A promise per call would cost more than reading it. */
function readSmall(path: string, { stamp }: FileStamp): Buffer | undefined {
  let file: number | undefined
  try {
    file = openSync(path, openFlags)
    const stats = fstatSync(file, { bigint: true })
    if (!stats.isFile() || stats.size > pieceBytes || fileStamp(stats).stamp !== stamp) return undefined
    const content = Buffer.allocUnsafe(Number(stats.size))
    let at = 0
    while (at < content.length) {
      const bytesRead = readSync(file, content, at, content.length - at, at)
      if (bytesRead === 0) return undefined
      at += bytesRead
    }
    return content
  } catch {
    // The other way tells the problem.
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function stampOfFile(path: string): FileStamp | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stats?.isFile() ? fileStamp(stats) : undefined
}

const changed = () => new FileProblem('changed while it was read; run again while nothing writes to it')

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
