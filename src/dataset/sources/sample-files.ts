import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CallContext, isSheikhError, messageOf, plainPath, SheikhError } from '../../core/index.js'
import type { Source, SourceSample } from '../dataset-types.js'
import { issuesError } from '../issues.js'
import { decodeText } from './decode-text.js'
import { globMatcher } from './glob.js'
import { describeCsv } from './read-csv.js'
import { readSamples } from './read-samples.js'
import { sampleFormatOf, unreadFormatOf } from './sample-format.js'
import { walk } from './walk.js'

export interface SampleFilesOptions {
  readonly directory: string
  /** Glob pattern of files below the directory: `*`, `?`, `**`, `{a,b}`. @default all */
  readonly pattern?: string | undefined
  /** Maximum size of a file, before and after unpacking. Larger files lead to an error. @default 100,000,000 */
  readonly maximumFileBytes?: number | undefined
  /** Names of the contents of files by path below `directory`. @default none */
  readonly contentIds?: Source['contentIds']
}

const defaultMaximumFileBytes = 100_000_000

/**
 * A source of samples in files below a folder: `.json` (one sample, or a list), `.jsonl` and `.ndjson` (one per line),
 * `.csv` and `.tsv` (with a header; every value is text). Extensions may be upper or lower case, with optional `.gz`.
 * Text is UTF-8, or UTF-16 with a byte order mark.
 *
 * Files whose names begin with a dot are ignored. Symbolic links, files that are too large, and data in unsupported
 * formats (`.parquet`, `.xlsx`, `.zip` and similar) lead to an error. Any other file is listed as skipped, so that a
 * warning names it.
 */
export function sampleFiles(options: string | SampleFilesOptions): Source {
  const {
    directory,
    pattern,
    maximumFileBytes = defaultMaximumFileBytes,
    contentIds,
  } = typeof options === 'string' ? { directory: options } : options
  if (!Number.isSafeInteger(maximumFileBytes) || maximumFileBytes < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot limit sample files to ${maximumFileBytes} bytes: it is not a whole number above 0. Give a number of bytes.`,
    )
  const matches = pattern === undefined ? () => true : globMatcher(pattern)
  const root = resolve(plainPath(directory, 'the directory of samples'))
  return {
    contract: 1,
    name: 'json-files',
    version: '1',
    // The folder is not part of the description: a clone elsewhere contains the same samples.
    describe: () => ({ pattern: pattern ?? null }),
    location: root,
    ...(contentIds !== undefined && { contentIds }),
    async list(context) {
      context.signal.throwIfAborted()
      const { found, others } = await walk(
        root,
        { isWanted: (path) => sampleFormatOf(path) !== undefined && matches(path), isMeant: matches },
        context,
      )
      const unread = others.flatMap((path) => {
        const message = unreadFormatOf(path)
        return message === undefined ? [] : [{ path, position: '', message }]
      })
      if (unread.length > 0) throw issuesError(unread)
      return [
        ...found.map((file) => ({
          ...file,
          read: (readContext: CallContext) => readFileSamples(root, file.path, maximumFileBytes, readContext),
          ...(isTable(file.path) && { layout: () => layoutOf(root, file.path, maximumFileBytes) }),
        })),
        ...others.map((path) => ({ path, skipped: '', read: async () => [] })),
      ]
    },
  }
}

const isTable = (path: string) => ['csv', 'tsv'].includes(sampleFormatOf(path) ?? '')

/** Problems with the file are reported when its samples are read. */
async function layoutOf(root: string, path: string, maximumBytes: number): Promise<string> {
  const bytes = await readFile(join(root, path)).catch(() => new Uint8Array())
  const decoded = decodeText(bytes, maximumBytes)
  return describeCsv('text' in decoded ? decoded.text : '', sampleFormatOf(path) === 'tsv' ? '\t' : undefined)
}

async function readFileSamples(
  root: string,
  path: string,
  maximumFileBytes: number,
  { signal }: CallContext,
): Promise<readonly SourceSample[]> {
  signal.throwIfAborted()
  const refuse = (message: string, cause?: unknown) => issuesError([{ path, position: '', message }], cause)
  let file: FileHandle | undefined
  try {
    // Between listing and reading, the file may have been replaced by a link, or by a pipe without a writer.
    file = await open(join(root, path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) throw refuse('it is not a regular file')
    if (stats.size > maximumFileBytes)
      throw refuse(`it has ${stats.size} bytes, but the maximum is ${maximumFileBytes}; split it`)
    const { samples, issues } = readSamples(path, await file.readFile(), maximumFileBytes)
    if (issues.length > 0) throw issuesError(issues)
    return samples
  } catch (error) {
    if (isSheikhError(error)) throw error
    const code = (error as NodeJS.ErrnoException).code
    throw refuse(
      code === 'ENOENT' ? 'it no longer exists' : code === 'ELOOP' ? 'it is a symbolic link' : messageOf(error),
      error,
    )
  } finally {
    await file?.close()
  }
}
