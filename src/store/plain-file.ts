import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import {
  type CallContext,
  type Digest,
  finishDigest,
  isSheikhError,
  messageOf,
  SheikhError,
  startDigest,
} from '../core/index.js'
import { storageFailed } from './storage-failed.js'

/** How much of a file is in memory at once while it is hashed or looked through. */
const chunkBytes = 1 << 20

export interface PlainFile {
  readonly path: string
  readonly handle: FileHandle
  readonly sizeBytes: number
}

/**
 * Gives `use` a regular file, open for reading, and closes it.
 *
 * @throws `artifact-corrupt` for a symbolic link or a special file, `not-found`, or `storage-failed`.
 */
export async function withPlainFile<R>(path: string, use: (file: PlainFile) => Promise<R>): Promise<R> {
  const handle = await openPlain(path)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw notPlain(path)
    return await use({ path, handle, sizeBytes: stats.size })
  } catch (error) {
    throw isSystemError(error) ? readFailed(path, error) : error
  } finally {
    await handle.close()
  }
}

/** Fills `target` from `position` on. @throws `artifact-corrupt` where the file ends before. */
export async function readAt(file: PlainFile, position: number, target: Uint8Array): Promise<void> {
  let filled = 0
  while (filled < target.length) {
    const { bytesRead } = await file.handle.read(target, filled, target.length - filled, position + filled)
    if (bytesRead === 0) throw cutShort(file)
    filled += bytesRead
  }
}

/**
 * The bytes from `begin` to `end`, in pieces of 1 MiB; only the last may be shorter.
 * A piece is valid until the next is asked for: its memory is used again.
 */
export async function* chunksOf(
  file: PlainFile,
  begin: number,
  end: number,
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(chunkBytes, end - begin))
  for (let position = begin; position < end; position += buffer.length) {
    context.signal.throwIfAborted()
    const piece = buffer.subarray(0, Math.min(buffer.length, end - position))
    await readAt(file, position, piece)
    yield piece
  }
}

/** Reads and hashes the whole file. */
export async function digestOfFile(file: PlainFile, context: CallContext): Promise<Digest> {
  const hash = startDigest()
  for await (const piece of chunksOf(file, 0, file.sizeBytes, context)) hash.update(piece)
  return finishDigest(hash)
}

async function openPlain(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a FIFO that nobody writes to never returns. Windows has neither flag.
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'EISDIR') throw notPlain(path)
    throw readFailed(path, error)
  }
}

/** What a failed system call on `path` is called: `not-found` or `storage-failed`. */
export function readFailed(path: string, error: unknown): SheikhError {
  const code = (error as NodeJS.ErrnoException).code
  const shown = JSON.stringify(path)
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new SheikhError(
      'not-found',
      // Node replaces bytes of a name that are not UTF-8 by U+FFFD, and then finds no such file.
      `Cannot read ${shown}: it does not exist${path.includes('\uFFFD') ? ', or its name is not UTF-8. Rename it' : ''}.`,
      { facts: { path }, cause: error },
    )
  const failed = storageFailed('read', path, error)
  if (isSheikhError(failed)) return failed
  return new SheikhError('storage-failed', `Cannot read ${shown}: ${messageOf(error)}.`, {
    facts: { path },
    cause: error,
  })
}

/** Whether a call to the operating system failed, in contrast to code of ours or a signal. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && 'errno' in error

const notPlain = (path: string) =>
  new SheikhError('artifact-corrupt', `Cannot read ${JSON.stringify(path)}: it is not a plain file.`, {
    facts: { path },
  })

const cutShort = ({ path, sizeBytes }: PlainFile) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read ${JSON.stringify(path)}: it became shorter than its ${sizeBytes} bytes while it was read.`,
    { facts: { path } },
  )
