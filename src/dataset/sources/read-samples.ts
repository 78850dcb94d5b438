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
    else yield readDocument(await collect(text, limits))
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw issuesError([{ path, position: error.position, message: error.message }], error)
  }
}

async function collect(chunks: Chunks, { maximumSampleBytes }: Limits): Promise<string> {
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
  const bytes = Buffer.concat(found)
  if (!isUtf8(bytes)) throw notUtf8('')
  return bytes.toString('utf8')
}

function readDocument(text: string): readonly SourceSample[] {
  const parsed = parseJsonKeepingDigits(text)
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
