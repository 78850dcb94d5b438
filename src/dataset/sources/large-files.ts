import { type CallContext, type ErrorCode, isSheikhError } from '../../core/index.js'
import type { LfsPointer } from '../../store/index.js'

/** A file whose place in the checkout has a Git LFS pointer. */
export interface LargeFile {
  /** SHA-256 of the content, in hexadecimal digits. */
  readonly oid: string
  readonly sizeBytes: number
  /** Named in errors. */
  readonly path: string
}

/**
 * Gets the file that a Git LFS pointer stands for, such as `gitLfs` of `sheikh-freemium/repository`.
 *
 * @returns the path of a regular file with exactly this content, which is only read. @throws `not-found`,
 * `artifact-corrupt`, `access-denied`, `remote-failed` or `storage-failed`, with what failed in `facts.problem`.
 */
export type LargeFiles = (file: LargeFile, context: CallContext) => Promise<string>

/**
 * The path of the file that a Git LFS pointer stands for.
 *
 * @param path of the pointer, for errors.
 * @param options.maximumBytes a larger file is not fetched.
 * @param options.problem makes the error of a file that cannot be used.
 * @throws what `problem` makes; `access-denied`; `storage-failed`; an error that may not occur again.
 */
export async function largeFileAt(
  { oid, sizeBytes, isComplete }: LfsPointer,
  path: string,
  { largeFiles, maximumBytes = Number.POSITIVE_INFINITY, problem }: LargeFileOptions,
  context: SmallFileContext,
): Promise<string> {
  if (sizeBytes === undefined || !isComplete)
    throw problem('it is a Git LFS pointer that is damaged or has an extension; to fetch the file, run: git lfs pull')
  if (sizeBytes > maximumBytes)
    throw problem(`it is a Git LFS pointer to ${sizeBytes} bytes, but the maximum is ${maximumBytes}; split the file`)
  if (sizeBytes > (context.smallBytes ?? sizeBytes))
    throw new LargePointer(sizeBytes, async () => void (await largeFiles({ oid, sizeBytes, path }, context)))
  try {
    return await largeFiles({ oid, sizeBytes, path }, context)
  } catch (error) {
    if (!isSheikhError(error) || error.retryable || isOfMachine(error.code)) throw error
    const fact = error.facts['problem']
    throw problem(`it is a Git LFS pointer, and ${typeof fact === 'string' ? fact : error.message}`, error)
  }
}

/** Whether an error is about the user's rights or disk, not about the file. */
const isOfMachine = (code: ErrorCode) => code === 'access-denied' || code === 'storage-failed'

/** For files that were listed as small. */
export interface SmallFileContext extends CallContext {
  /** A pointer to more bytes is not followed, but a `LargePointer` is thrown. @default every pointer is followed */
  readonly smallBytes?: number | undefined
}

/** Thrown before a large file is fetched, to read it later. Only the reading finds that a small file is a pointer. */
export class LargePointer extends Error {
  readonly sizeBytes: number
  /** Fetches the file, so that reading it later does not wait. */
  readonly fetch: () => Promise<void>

  constructor(sizeBytes: number, fetch: () => Promise<void>) {
    super(`a pointer to ${sizeBytes} bytes`)
    this.sizeBytes = sizeBytes
    this.fetch = fetch
  }
}

interface LargeFileOptions {
  readonly largeFiles: LargeFiles
  readonly maximumBytes?: number | undefined
  readonly problem: (message: string, cause?: unknown) => Error
}
