import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CallContext, isSheikhError, messageOf, SheikhError } from '../../core/index.js'
import { fileStamp } from '../../store/index.js'
import type { Source, SourceSample } from '../dataset-types.js'
import { issuesError } from '../issues.js'
import { globMatcher } from './glob.js'
import { readSamples, sampleExtensions } from './read-samples.js'
import { type FoundFile, walk } from './walk.js'

export interface JsonFilesOptions {
  readonly directory: string
  /** Which files below it: `*`, `?`, `**`, `{a,b}`. @default all `.json`, `.jsonl` and `.csv` files */
  readonly pattern?: string | undefined
  /** A larger file is refused. @default 100,000,000 */
  readonly maximumFileBytes?: number | undefined
}

const defaultMaximumFileBytes = 100_000_000

/**
 * Samples in files below a folder: `.json` (one sample, or a list), `.jsonl` (one a line), `.csv` (with a header; every value is text).
 *
 * Hidden files are left out. Symbolic links, files that are too large and text that is not UTF-8 are refused.
 */
export function jsonFiles(options: string | JsonFilesOptions): Source {
  const {
    directory,
    pattern,
    maximumFileBytes = defaultMaximumFileBytes,
  } = typeof options === 'string' ? { directory: options } : options
  if (!Number.isSafeInteger(maximumFileBytes) || maximumFileBytes < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot limit sample files to ${maximumFileBytes} bytes: it is not a whole number above 0. Give a number of bytes.`,
    )
  const matches = pattern === undefined ? () => true : globMatcher(pattern)
  const wanted = (path: string) => sampleExtensions.some((extension) => path.endsWith(extension)) && matches(path)
  const root = resolve(directory)
  return {
    contract: 1,
    name: 'json-files',
    version: '1',
    // The folder itself is no part of it: a clone elsewhere holds the same samples.
    describe: () => ({ pattern: pattern ?? null }),
    location: root,
    async list(context) {
      context.signal.throwIfAborted()
      return (await walk(root, wanted, context)).map((file) => ({
        path: file.path,
        ...fileStamp(file.stats),
        read: (readContext: CallContext) => readFileSamples(root, file, maximumFileBytes, readContext),
      }))
    },
  }
}

async function readFileSamples(
  root: string,
  { path }: FoundFile,
  maximumFileBytes: number,
  { signal }: CallContext,
): Promise<readonly SourceSample[]> {
  signal.throwIfAborted()
  const refuse = (message: string, cause?: unknown) => issuesError([{ path, position: '', message }], cause)
  let file: FileHandle | undefined
  try {
    // Between listing and reading the file may have become a link, or a pipe that nobody writes to.
    file = await open(join(root, path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) throw refuse('it is not a regular file')
    if (stats.size > maximumFileBytes)
      throw refuse(`it has ${stats.size} bytes, and at most ${maximumFileBytes} are read; split it`)
    const { samples, issues } = readSamples(path, await file.readFile())
    if (issues.length > 0) throw issuesError(issues)
    return samples
  } catch (error) {
    if (isSheikhError(error)) throw error
    const code = (error as NodeJS.ErrnoException).code
    throw refuse(
      code === 'ENOENT' ? 'it is gone' : code === 'ELOOP' ? 'it is a symbolic link' : messageOf(error),
      error,
    )
  } finally {
    await file?.close()
  }
}
