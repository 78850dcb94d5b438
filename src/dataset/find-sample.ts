import type { Digest } from '../core/index.js'
import { issuesOf } from './issues.js'
import { parseJsonKeepingDigits } from './json-text.js'
import { fieldOf, nameOf } from './row-projection.js'
import { digestSample, FallbackIds } from './sample-identity.js'
import { encodingOf, isGzip, withoutMarks } from './sources/decode-text.js'
import { readBytes } from './sources/read-bytes.js'
import { sampleFormatOf } from './sources/sample-format.js'
import { isZstd } from './sources/zstd.js'

/** Where a sample is in a file. */
export interface FoundSample {
  /** `line 3`, `[2]`; empty for a file with a single sample. */
  readonly position: string
  /** The digest of the sample as it is in the file. `undefined` if JSON cannot represent it. */
  readonly digest: Digest | undefined
  /** True: the file contains no other sample. */
  readonly isAlone: boolean
  /** The sample as it is in the file. */
  readonly value: unknown
}

export interface FindSampleOptions {
  readonly id: string
  /** The field with the id. @default `id` */
  readonly idField?: string | undefined
  /** Maximum size of an unpacked file. @default 100,000,000 */
  readonly maximumBytes?: number | undefined
}

/**
 * Finds the sample with an id in the bytes of one file. A file of another format has none. Parses only what can contain
 * the id: of a file with one sample per line, the lines in which the text of the id appears.
 *
 * @param path below the folder of samples: the id of a sample without one depends on it.
 */
export async function findSample(
  path: string,
  bytes: Uint8Array,
  { id, idField = 'id', maximumBytes = 100_000_000 }: FindSampleOptions,
): Promise<{ readonly found?: FoundSample | undefined; readonly problem?: string | undefined }> {
  const format = sampleFormatOf(path)
  if (format === undefined) return {}
  const mayBeFallback = id === path || id.startsWith(`${path}#`)
  const isPlain = format !== 'parquet' && !isGzip(bytes) && !isZstd(bytes) && encodingOf(bytes) === 'utf-8'
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The empty text is everywhere.
  if (isPlain && !mayBeFallback && id !== '' && !mayBeEscaped(buffer, id)) {
    const forms = formsOf(id).filter((form) => buffer.includes(form))
    if (forms.length === 0) return isPointer(buffer) ? { problem: pointerProblem } : {}
    if (format === 'lines') return { found: findLine(buffer, forms, { id, idField }) }
  }
  const ids = new FallbackIds(path)
  let found: Omit<FoundSample, 'isAlone'> | undefined
  let problem: string | undefined
  let count = 0
  try {
    for await (const batch of readBytes(path, bytes, maximumBytes)) {
      for (const sample of batch) {
        const { value, position } = sample
        problem ??= sample.problem
        if (sample.problem !== undefined) continue
        count += 1
        if (found !== undefined) continue
        const fallback = mayBeFallback ? ids.next(position, digestSample(value)).fallbackId : undefined
        if ((idOf(value, idField) ?? fallback) === id) found = { position, digest: digestSample(value), value }
      }
      if (found !== undefined && count > 1) break
    }
  } catch (error) {
    problem ??= issuesOf(error)?.[0]?.message
    if (problem === undefined) throw error
  }
  if (found !== undefined) return { found: { ...found, isAlone: count === 1 } }
  return problem === undefined ? {} : { problem }
}

const pointerProblem = 'it is a Git LFS pointer, not the file itself'
const isPointer = (buffer: Buffer) => buffer.subarray(0, 43).includes('version https://git-lfs.github.com/spec/')

/** Whether a character of the id appears as `\u00e9`. JSON allows that for any character, in upper and lower case. */
function mayBeEscaped(buffer: Buffer, id: string): boolean {
  if (!buffer.includes('\\u')) return false
  const units = Array.from({ length: id.length }, (_, index) => id.charCodeAt(index).toString(16).padStart(4, '0'))
  return new RegExp(`\\\\u(?:${[...new Set(units)].join('|')})`, 'i').test(buffer.toString('latin1'))
}

/** The text of an id as JSON and CSV may have it: as it is, with quotes doubled, and with `\"` or `\/`. */
function formsOf(id: string): readonly string[] {
  const json = JSON.stringify(id).slice(1, -1)
  return [...new Set([id, id.replaceAll('"', '""'), json, json.replaceAll('/', '\\/')])]
}

function findLine(
  buffer: Buffer,
  forms: readonly string[],
  { id, idField }: { readonly id: string; readonly idField: string },
): FoundSample | undefined {
  for (const form of forms)
    for (let at = buffer.indexOf(form); at >= 0; ) {
      const start = buffer.lastIndexOf(0x0a, at) + 1
      const next = buffer.indexOf(0x0a, at)
      const end = next < 0 ? buffer.length : next
      const parsed = parseJsonKeepingDigits(withoutMarks(buffer.toString('utf8', start, end)))
      if ('value' in parsed && idOf(parsed.value, idField) === id) {
        const others = [buffer.subarray(0, start), buffer.subarray(end)]
        return {
          position: `line ${lineFeedsIn(buffer, start) + 1}`,
          digest: digestSample(parsed.value),
          isAlone: others.every((rest) => rest.every((byte) => byte === 0x0a || byte === 0x0d || byte === 0x20)),
          value: parsed.value,
        }
      }
      at = buffer.indexOf(form, end)
    }
  return undefined
}

function lineFeedsIn(buffer: Buffer, end: number): number {
  let count = 0
  for (let at = buffer.indexOf(0x0a); at >= 0 && at < end; at = buffer.indexOf(0x0a, at + 1)) count += 1
  return count
}

function idOf(value: unknown, idField: string): string | undefined {
  try {
    return nameOf(fieldOf(value, idField), 'id')
  } catch {
    return undefined
  }
}
