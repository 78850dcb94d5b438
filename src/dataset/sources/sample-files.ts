import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type CallContext, isSheikhError, type Json, messageOf, plainPath } from '../../core/index.js'
import { lfsPointerOf, maximumPointerBytes } from '../../store/index.js'
import type { Source, SourceEntry, SourceSample } from '../dataset-types.js'
import { issuesError } from '../issues.js'
import { globMatcher } from './glob.js'
import { type LargeFiles, LargePointer, largeFileAt } from './large-files.js'
import { type Limits, limitsOf, type SizeLimits } from './limits.js'
import { partsOf } from './parquet/open-parquet.js'
import { readParquet } from './parquet/read-parquet.js'
import type { ParquetOptions } from './parquet/to-json.js'
import { type CsvOptions, checkCsvOptions, describeCsv } from './read-csv.js'
import { isPlainJson, readPlainJson, readSamples } from './read-samples.js'
import { sampleFormatOf, unreadFormatOf } from './sample-format.js'
import { utf8Chunks } from './text-chunks.js'
import { unpackChunks } from './unpack-chunks.js'
import { Unreadable } from './unreadable.js'
import { type Wanted, walk } from './walk.js'

/** How files are read, by format. */
export interface FileFormatOptions extends SizeLimits {
  readonly csv?: CsvOptions | undefined
  readonly parquet?: ParquetOptions | undefined
}

export interface SampleFilesOptions extends FileFormatOptions {
  readonly directory: string
  /** Glob pattern of files below the directory: `*`, `?`, `**`, `{a,b}`. @default all */
  readonly pattern?: string | undefined
  /** Names of the contents of files by path below `directory`. @default none */
  readonly contentIds?: Source['contentIds']
  /** A name of the content of the folder. @default none */
  readonly contentId?: Source['contentId']
  /** Gets files of Git LFS that the checkout has pointers to. @default a pointer is an error */
  readonly largeFiles?: LargeFiles | undefined
}

/**
 * A source of samples in files below a folder: `.json` (one sample, or a list), `.jsonl` and `.ndjson` (one per line),
 * `.csv` and `.tsv` (with a header; every value is text), `.parquet` (one per row). Extensions may be upper or lower
 * case, the first five with optional `.gz` or `.zst`. Text is UTF-8, or UTF-16 with a byte order mark.
 *
 * Files are read in pieces, except `.json`. Files whose names begin with a dot are ignored. Symbolic links, files that
 * are too large, and data in unsupported formats (`.xlsx`, `.zip` and similar) lead to an error. Any other file is
 * listed as skipped, so that a warning names it.
 *
 * @throws `invalid-options` for limits or CSV options that cannot be used.
 */
export function sampleFiles(options: string | SampleFilesOptions): Source {
  return filesSource(typeof options === 'string' ? { directory: options } : options, walk)
}

/**
 * The same source for files that are known by their paths and may not exist yet. They must exist before their samples are
 * read.
 *
 * @param paths below `directory`.
 */
export function listedSampleFiles(options: SampleFilesOptions, paths: readonly string[]): Source {
  return filesSource(options, async (_, { isWanted, isMeant }) => {
    const found: { readonly path: string; readonly sizeBytes: number }[] = []
    const others: string[] = []
    for (const path of [...paths].sort()) {
      if (path.startsWith('.') || path.includes('/.')) continue
      // The size is not known. Files that may be large are read one at a time.
      if (isWanted(path)) found.push({ path, sizeBytes: path.endsWith('.json') ? 0 : Number.POSITIVE_INFINITY })
      else if (isMeant(path)) others.push(path)
    }
    return { found, others }
  })
}

type FindFiles = (
  root: string,
  wanted: Wanted,
  context: CallContext,
) => Promise<{ readonly found: readonly Omit<SourceEntry, 'read'>[]; readonly others: readonly string[] }>

function filesSource(
  { directory, pattern, contentIds, contentId, largeFiles, ...given }: SampleFilesOptions,
  find: FindFiles,
): Source {
  const format = { ...fileFormat(given), largeFiles }
  // A checkout on macOS may decompose names.
  const matcher = pattern === undefined ? undefined : globMatcher(pattern.normalize('NFC'))
  const matches = (path: string) => matcher === undefined || matcher(path.normalize('NFC'))
  const root = resolve(plainPath(directory, 'the directory of samples'))
  return {
    contract: 1,
    name: 'json-files',
    version: '1',
    // The folder is not part of the description: a clone elsewhere contains the same samples.
    describe: () => ({ pattern: pattern ?? null, ...format.describe }),
    location: root,
    ...(contentIds !== undefined && { contentIds }),
    ...(contentId !== undefined && { contentId }),
    async list(context) {
      context.signal.throwIfAborted()
      const { found, others } = await find(
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
          read: (readContext: CallContext) => readFile(root, file.path, format, readContext),
          ...(isTable(file.path) && {
            layout: (readContext: CallContext) => layoutOf(root, file.path, format, readContext),
          }),
        })),
        ...others.map((path) => ({ path, skipped: '', read: async () => [] })),
      ]
    },
  }
}

/** Checked options. */
export interface FileFormat {
  readonly limits: Limits
  readonly csv: CsvOptions
  readonly parquet: ParquetOptions
  /** @default a Git LFS pointer is an error */
  readonly largeFiles?: LargeFiles | undefined
  /** What decides the samples of a file. Empty for the defaults. */
  readonly describe: Readonly<Record<string, Json>>
}

export function fileFormat({ csv = {}, parquet = {}, ...limits }: FileFormatOptions): FileFormat {
  const checked = checkCsvOptions(csv)
  const given = Object.entries(checked).filter(([, value]) => value !== undefined)
  return {
    ...{ limits: limitsOf(limits), csv: checked, parquet },
    describe: {
      ...(given.length > 0 && { csv: Object.fromEntries(given) as Json }),
      ...(parquet.binaryAsText === true && { binaryAsText: true }),
      ...(parquet.columns !== undefined && { columns: parquet.columns }),
    },
  }
}

const isTable = (path: string) => ['csv', 'tsv'].includes(sampleFormatOf(path) ?? '')
const layoutBytes = 64 * 1024

/** Problems with the file are reported when its samples are read. */
async function layoutOf(root: string, path: string, format: FileFormat, context: CallContext): Promise<string> {
  const { limits, csv } = format
  const options = sampleFormatOf(path) === 'tsv' ? { separator: '\t', ...csv } : csv
  let start = ''
  try {
    const chunks = utf8Chunks(unpackChunks(fileChunks(root, path, format, context), limits), csv.charset)
    for await (const chunk of chunks) {
      start += Buffer.from(chunk).toString('utf8')
      if (start.length >= layoutBytes) break
    }
    return describeCsv(start.slice(0, start.lastIndexOf('\n') + 1) || start, options)
  } catch (error) {
    if (!(error instanceof Unreadable) && !isSheikhError(error, 'dataset-invalid')) throw error
    return describeCsv('', options)
  }
}

/**
 * Reads a file below a folder.
 *
 * @param name decides the format, and is named in errors. @default `path`
 * @throws `dataset-invalid`
 */
export async function* readFile(
  root: string,
  path: string,
  format: FileFormat,
  context: CallContext,
  name = path,
): AsyncIterable<readonly SourceSample[]> {
  const { limits, csv, parquet } = format
  const plain = name === path && path.endsWith('.json') ? plainDocument(root, path, limits, context) : undefined
  if (plain !== undefined) {
    yield plain
    return
  }
  if (sampleFormatOf(name) !== 'parquet') {
    yield* readSamples(name, fileChunks(root, path, format, context, name), limits, csv)
    return
  }
  const { file, sizeBytes } = openFile(join(root, path), limits, name)
  try {
    if (sizeBytes < maximumPointerBytes) {
      const start = Buffer.alloc(sizeBytes)
      const large = pointedAt(start.subarray(0, readSync(file, start, 0, sizeBytes, 0)), format, context, name)
      if (large !== undefined) {
        const target = await large
        yield* readFile(dirname(target), basename(target), { ...format, largeFiles: undefined }, context, name)
        return
      }
    }
    yield* readParquet({ ...parquet, path: name, sizeBytes, limits, read: partsOf(file), signal: context.signal })
  } catch (error) {
    const isKnown = isSheikhError(error) || error instanceof LargePointer || context.signal.aborted
    throw isKnown ? error : refusal(name, messageOf(error), error)
  } finally {
    closeSync(file)
  }
}

const readAt = promisify(read)
const chunkBytes = 64 * 1024

/**
 * Reads a small `.json` file in one step: the steps of `readSamples` would take most of the time.
 *
 * @returns `undefined` for other content, and if the file cannot be read, which `readFile` reports.
 * @throws `dataset-invalid` for an error in the JSON.
 */
function plainDocument(
  root: string,
  path: string,
  limits: Limits,
  { signal }: CallContext,
): readonly SourceSample[] | undefined {
  if (signal.aborted) return undefined
  let bytes: Buffer
  try {
    // Joining paths would take a tenth of the time.
    const { file, sizeBytes } = openFile(`${root}/${path}`, limits, path)
    try {
      // Too small for a file that grows meanwhile.
      bytes = Buffer.allocUnsafe(sizeBytes < chunkBytes ? sizeBytes + 1 : 0)
      bytes = bytes.subarray(0, readSync(file, bytes))
      if (bytes.length !== sizeBytes) return undefined
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
  return isPlainJson(bytes) ? readPlainJson(path, bytes) : undefined
}

async function* fileChunks(
  root: string,
  path: string,
  format: FileFormat,
  context: CallContext,
  name = path,
): AsyncIterable<Uint8Array> {
  const { signal } = context
  signal.throwIfAborted()
  const { file, sizeBytes } = openFile(join(root, path), format.limits, name)
  // For small files, synchronous calls take less time than promises.
  const isSmall = sizeBytes < chunkBytes
  try {
    for (;;) {
      signal.throwIfAborted()
      const chunk = isSmall ? Buffer.allocUnsafe(sizeBytes + 1) : Buffer.allocUnsafeSlow(chunkBytes)
      let length: number
      try {
        length = isSmall ? readSync(file, chunk) : (await readAt(file, chunk, 0, chunk.length, null)).bytesRead
      } catch (error) {
        throw refusal(name, messageOf(error), error)
      }
      if (length === 0) return
      const bytes = chunk.subarray(0, length)
      const large = isSmall ? pointedAt(bytes, format, context, name) : undefined
      if (large !== undefined) {
        const target = await large
        yield* fileChunks(dirname(target), basename(target), { ...format, largeFiles: undefined }, context, name)
        return
      }
      yield bytes
      // The end of a file that did not grow.
      if (isSmall && length < chunk.length) return
    }
  } finally {
    closeSync(file)
  }
}

/** The file of Git LFS that stands for a small one. A promise for each of many small files would take time. */
function pointedAt(
  content: Uint8Array,
  { limits, largeFiles }: FileFormat,
  context: CallContext,
  name: string,
): Promise<string> | undefined {
  const pointer = lfsPointerOf(content)
  if (pointer === undefined || largeFiles === undefined) return undefined
  const problem = (message: string, cause?: unknown) => refusal(name, message, cause)
  return largeFileAt(pointer, name, { largeFiles, maximumBytes: maximumBytesOf(name, limits), problem }, context)
}

const maximumBytesOf = (name: string, { maximumFileBytes, maximumSampleBytes }: Limits): number =>
  sampleFormatOf(name) === 'json' ? Math.min(maximumSampleBytes, maximumFileBytes) : maximumFileBytes

function openFile(path: string, limits: Limits, name: string): { readonly file: number; readonly sizeBytes: number } {
  let file: number | undefined
  try {
    // Between listing and reading, the file may have been replaced by a link, or by a pipe without a writer.
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    const stats = fstatSync(file)
    if (!stats.isFile()) throw refusal(name, 'it is not a regular file')
    const isDocument = sampleFormatOf(name) === 'json'
    const maximum = maximumBytesOf(name, limits)
    if (stats.size > maximum)
      throw refusal(
        name,
        `it has ${stats.size} bytes, but the maximum is ${maximum}; ${isDocument ? 'write one sample per line, as .jsonl, or split it' : 'split it'}`,
      )
    return { file, sizeBytes: stats.size }
  } catch (error) {
    if (file !== undefined) closeSync(file)
    if (isSheikhError(error)) throw error
    const code = (error as NodeJS.ErrnoException).code
    throw refusal(
      name,
      code === 'ENOENT' ? 'it no longer exists' : code === 'ELOOP' ? 'it is a symbolic link' : messageOf(error),
      error,
    )
  }
}

const refusal = (path: string, message: string, cause?: unknown) =>
  issuesError([{ path, position: '', message }], cause)
