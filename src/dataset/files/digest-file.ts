import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type Digest, messageOf } from '../../core/index.js'
import { type FileStamp, fileStamp, lfsPointerOf, maximumPointerBytes } from '../../store/index.js'
import { ContentDigest, contentDigest } from './content-digest.js'
import { contentProblem, headBytes, tailBytes } from './file-kinds.js'

const pieceBytes = 256 * 1024
// Without O_NONBLOCK, opening a FIFO that nobody writes to never returns. Windows has neither flag.
const openFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** Thrown for a file that cannot be used. The message continues the name of the file. */
export class FileProblem extends Error {}

/** The digest of a content in pieces, and what is wrong with the content. */
export class CheckedContent {
  readonly #path: string
  readonly #sizeBytes: number
  readonly #hash = new ContentDigest()
  #head: Buffer = Buffer.alloc(0)
  #tail: Buffer = Buffer.alloc(0)
  #readBytes = 0

  /** @param path by which samples name the file. */
  constructor(path: string, sizeBytes: number) {
    this.#path = path
    this.#sizeBytes = sizeBytes
  }

  /** @param piece may be used again after the call. */
  update(piece: Uint8Array): void {
    this.#hash.update(piece)
    if (this.#readBytes < headBytes) this.#head = Buffer.concat([this.#head, piece.subarray(0, headBytes)])
    this.#readBytes += piece.length
    if (this.#sizeBytes - this.#readBytes < tailBytes) this.#tail = Buffer.concat([this.#tail, piece])
  }

  /** @throws `FileProblem`. */
  digest(): Digest {
    checkContent(this.#path, this.#sizeBytes, this.#head, this.#tail)
    return this.#hash.digest()
  }
}

/** The digest of a whole content. @throws `FileProblem`. */
export function digestOfSmall(path: string, content: Buffer): Digest {
  checkContent(path, content.length, content, content)
  return contentDigest(content)
}

/** @param head the first bytes. @param tail the last bytes, or more. */
function checkContent(path: string, sizeBytes: number, head: Buffer, tail: Buffer): void {
  if (sizeBytes < maximumPointerBytes && lfsPointerOf(tail) !== undefined)
    throw new FileProblem('is a Git LFS pointer, not the file itself; to fetch the file, run: git lfs pull')
  const problem = contentProblem(path, sizeBytes, head, tail.subarray(Math.max(0, tail.length - tailBytes)))
  if (problem !== undefined) throw new FileProblem(problem)
}

/**
 * The digest of a file on disk.
 *
 * @param path by which samples name the file. @param stamp of the file, as it was found.
 * @throws `FileProblem`.
 */
export async function digestOfFile(
  location: string,
  path: string,
  stamp: FileStamp,
  signal: AbortSignal,
): Promise<Digest> {
  const small = readSmall(location, stamp)
  if (small !== undefined) return digestOfSmall(path, small)
  let file: FileHandle | undefined
  try {
    file = await open(location, openFlags)
    const stats = await file.stat({ bigint: true })
    if (!stats.isFile()) throw new FileProblem('is not a regular file; replace it with the file itself')
    if (fileStamp(stats).stamp !== stamp.stamp) throw changed()
    return await digestOfContent(path, file, Number(stats.size), signal)
  } catch (error) {
    if (error instanceof FileProblem || signal.aborted) throw error
    throw new FileProblem(`cannot be read: ${messageOf(error)}; correct the permissions, or the disk`)
  } finally {
    await file?.close()
  }
}

async function digestOfContent(
  path: string,
  file: FileHandle,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Digest> {
  const content = new CheckedContent(path, sizeBytes)
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(pieceBytes, sizeBytes)))
  for (let position = 0; position < sizeBytes; ) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) throw changed()
    content.update(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
  return content.digest()
}

/** The content of a small file. A promise per call would cost more than reading it. */
export function readSmall(path: string, { stamp }: FileStamp): Buffer | undefined {
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

export function stampOfFile(path: string): FileStamp | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stats?.isFile() ? fileStamp(stats) : undefined
}

export const changed = () => new FileProblem('changed while it was read; run again while nothing writes to it')
