import { isUtf8 } from 'node:buffer'
import type { SourceSample } from '../dataset-types.js'
import { issuesError } from '../issues.js'
import { type InexactNumber, parseJsonKeepingDigits } from '../json-text.js'
import { withoutMarks } from './decode-text.js'
import type { Limits } from './limits.js'
import { type CsvOptions, csvSamples } from './read-csv.js'
import { sampleFormatOf } from './sample-format.js'
import { type LineCounter, lineBlocks, notUtf8, tooLong, utf8Chunks } from './text-chunks.js'
import { unpackChunks } from './unpack-chunks.js'
import { Unreadable } from './unreadable.js'

type Chunks = AsyncIterable<Uint8Array>
type Batches = AsyncIterable<readonly SourceSample[]>

/**
 * Reads the samples of a text file in batches, in the format of its extension.
 *
 * @throws `dataset-invalid` for a file that cannot be read to its end.
 */
export async function* readSamples(path: string, bytes: Chunks, limits: Limits, csv: CsvOptions = {}): Batches {
  try {
    const format = sampleFormatOf(path)
    const isTable = format === 'csv' || format === 'tsv'
    const text = utf8Chunks(unpackChunks(bytes, limits), isTable ? csv.charset : undefined)
    if (isTable) yield* csvSamples(text, limits, format === 'tsv' ? { separator: '\t', ...csv } : csv)
    else if (format === 'lines') yield* readLines(text, limits)
    else yield documentIn(await collect(text, limits))
  } catch (error) {
    throw reported(path, error)
  }
}

const reported = (path: string, error: unknown): unknown =>
  error instanceof Unreadable ? issuesError([{ path, position: error.position, message: error.message }], error) : error

/** Whether bytes begin as a JSON document in UTF-8: not packed, without a byte order mark, and no pointer of Git LFS. */
export const isPlainJson = (bytes: Uint8Array): boolean =>
  (bytes[0] === openingBrace || bytes[0] === openingBracket) && bytes[1] !== 0

const [openingBrace, openingBracket] = [0x7b, 0x5b]

/** The samples of bytes for which `isPlainJson` is true, as `readSamples` reads them. @throws as `readSamples`. */
export function readPlainJson(path: string, bytes: Buffer): readonly SourceSample[] {
  try {
    return documentIn(bytes)
  } catch (error) {
    throw reported(path, error)
  }
}

async function collect(chunks: Chunks, { maximumSampleBytes }: Limits): Promise<Buffer> {
  const found: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    found.push(chunk)
    size += chunk.length
    if (size > maximumSampleBytes)
      throw new Unreadable(
        `it unpacks to more than ${maximumSampleBytes} bytes; write one sample per line, as .jsonl, or split it`,
      )
  }
  return Buffer.concat(found)
}

function documentIn(bytes: Buffer): readonly SourceSample[] {
  if (!isUtf8(bytes)) throw notUtf8('')
  const parsed = parseJsonKeepingDigits(bytes.toString('utf8'))
  if ('problem' in parsed) {
    const { line, column, message } = parsed.problem
    throw new Unreadable(message, `line ${line}, column ${column}`)
  }
  const { value, inexact } = parsed
  if (!Array.isArray(value)) return [{ value, position: '', inexact }]
  const numbers = new Map<number, InexactNumber[]>()
  for (const { pointer, digits } of inexact) {
    const [, index = '', rest = ''] = /^\/(\d+)(.*)$/s.exec(pointer) ?? []
    numbers.set(Number(index), [...(numbers.get(Number(index)) ?? []), { pointer: rest, digits }])
  }
  return value.map((item: unknown, index) => ({
    value: item,
    position: `[${index}]`,
    inexact: numbers.get(index) ?? [],
  }))
}

async function* readLines(text: Chunks, { maximumSampleBytes }: Limits): Batches {
  const counter: LineCounter = { line: 1 }
  for await (const block of lineBlocks(text, counter, maximumSampleBytes)) {
    const isValid = isUtf8(block)
    const samples: SourceSample[] = []
    for (let start = 0; start < block.length; counter.line += 1) {
      const feed = block.indexOf(0x0a, start)
      const end = feed < 0 ? block.length : feed
      if (end - start > maximumSampleBytes) throw tooLong(maximumSampleBytes, counter.line)
      if (!isValid && !isUtf8(block.subarray(start, end))) throw notUtf8(`line ${counter.line}`)
      const line = block.toString('utf8', start, end)
      start = end + 1
      // Most lines begin with a brace, and need no look for white space.
      if (!line.startsWith('{') && line.replaceAll('\uFEFF', '').trim() === '') continue
      samples.push(sampleOf(withoutMarks(line), counter.line))
    }
    yield samples
  }
}

function sampleOf(line: string, number: number): SourceSample {
  const parsed = parseJsonKeepingDigits(line)
  if ('value' in parsed) return { value: parsed.value, position: `line ${number}`, inexact: parsed.inexact }
  const { column, message } = parsed.problem
  return { value: undefined, position: `line ${number}, column ${column}`, problem: message }
}
