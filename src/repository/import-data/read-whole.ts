import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type CallContext, messageOf, SheikhError } from '../../core/index.js'
import { type CsvOptions, fileFormat, readSampleFile, type SourceSample, samplesOf } from '../../dataset/index.js'
import { isAbsent } from '../../store/index.js'

/** Records that are in memory at once. */
export const maximumRecords = 2_000_000

/**
 * The samples of a file, in the format of its extension.
 *
 * @param maximumBytes maximum size, before and after unpacking.
 * @throws `not-found`; `dataset-invalid` with file and line.
 */
export async function readSamplesIn(
  path: string,
  maximumBytes: number,
  context: CallContext,
  csv?: CsvOptions,
): Promise<readonly SourceSample[]> {
  await (await openRegular(path, maximumBytes)).close()
  const real = await realpath(path)
  const format = fileFormat({ maximumFileBytes: maximumBytes, maximumSampleBytes: maximumBytes, csv })
  const entry = { path: basename(real), read: () => readSampleFile(dirname(real), basename(real), format, context) }
  const samples = await samplesOf(entry, context, maximumRecords + 1)
  if (samples.length > maximumRecords)
    throw refuse(path, `it has more than ${maximumRecords.toLocaleString('en')} records. Divide it`)
  return samples
}

const refuse = (path: string, fact: string, cause?: unknown) =>
  new SheikhError('dataset-invalid', `Cannot import ${JSON.stringify(path)}: ${fact}.`, {
    facts: { path },
    ...(cause !== undefined && { cause }),
  })

/** The bytes of a regular file. @throws `not-found`; `dataset-invalid` if it is larger, or no regular file. */
export async function readWhole(path: string, maximumBytes: number): Promise<Uint8Array> {
  const file = await openRegular(path, maximumBytes)
  try {
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** @throws `not-found`; `dataset-invalid` for a folder and other things that are no regular file. */
export async function refuseIrregular(path: string): Promise<void> {
  await (await openRegular(path, Number.POSITIVE_INFINITY)).close()
}

async function openRegular(path: string, maximumBytes: number): Promise<FileHandle> {
  let file: FileHandle | undefined
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to never ends.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (stats.isDirectory()) throw refuse(path, 'it is a folder. Name one file, or put the files into dataset/samples/')
    if (!stats.isFile()) throw refuse(path, 'it is not a regular file. Save the data as a file')
    if (stats.size > maximumBytes)
      throw refuse(path, `it has ${stats.size} bytes, but the maximum is ${maximumBytes}. Split it`)
    return file
  } catch (error) {
    await file?.close()
    if (error instanceof SheikhError) throw error
    if (isAbsent(error))
      throw new SheikhError(
        'not-found',
        `Cannot import ${JSON.stringify(path)}: it does not exist. Correct the name.`,
        { facts: { path } },
      )
    throw refuse(path, `${messageOf(error)}. Check its permissions`, error)
  }
}
