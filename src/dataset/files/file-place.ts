import { basename } from 'node:path'
import type { CallContext, Digest } from '../../core/index.js'
import type { LfsPointer } from '../../store/index.js'
import { type LargeFiles, largeFileAt } from '../sources/large-files.js'
import { changed, digestOfFile, FileProblem, stampOfFile } from './digest-file.js'

/** Where the files that samples name are: on disk, or in a list of Git. */
export interface FilePlace {
  /**
   * A digest that is known is returned at once: a promise for each of many files would take most of the time.
   *
   * @param path as a sample has it, without `..`. @throws `FileProblem`, or rejects with it.
   */
  digestOf(path: string): Digest | Promise<Digest>
  /** The files whose digests were asked for. Empty without `largeFiles`, and for files that are not on disk. */
  readonly found: FoundFiles
  /** As `NamedFiles.known`. */
  known(): Digest | undefined
  /** As `NamedFiles.save`. */
  save(): Promise<Digest | undefined>
}

/** The file of Git LFS that a pointer in the checkout stands for. */
export interface PointedFile {
  readonly digest: Digest
  /** SHA-256 of the content, in hexadecimal digits. */
  readonly oid: string
  readonly sizeBytes: number
}

/** What is known of a file: its digest. */
export type KnownFile = Digest | PointedFile

/** The files that samples name, by path below the folder. `undefined`: the checkout has the file itself. */
export type FoundFiles = ReadonlyMap<string, PointedFile | undefined>

/** Files hashed at the same time. */
export const hashedAtOnce = 16

export const digestIn = (known: KnownFile): Digest => (typeof known === 'string' ? known : known.digest)

/** A name of the content that a pointer stands for. */
export const contentIdOf = (oid: string, sizeBytes: number): string => `lfs-${oid}-${sizeBytes}`

export interface Fetch {
  /** The folder of the files. */
  readonly root: string
  readonly largeFiles: LargeFiles
  /** Limits how many files are hashed at the same time. A download takes no place. */
  readonly hash: (work: () => Promise<Digest>) => Promise<Digest>
}

/** Fetches the file that a pointer stands for. @throws `FileProblem`, and as `largeFileAt`. */
export async function fetchPointed(
  path: string,
  pointer: LfsPointer,
  { root, largeFiles, hash }: Fetch,
  context: CallContext,
): Promise<PointedFile> {
  const { oid, sizeBytes = -1 } = pointer
  const problem = (message: string, cause?: unknown) => new FileProblem(message.replace(/^it /, ''), { cause })
  const object = await largeFileAt(pointer, `${basename(root)}/${path}`, { largeFiles, problem }, context)
  const digest = await hash(async () => {
    const stamp = stampOfFile(object)
    if (stamp === undefined) throw changed()
    return digestOfFile(object, path, stamp, context.signal)
  })
  return { digest, oid, sizeBytes }
}
