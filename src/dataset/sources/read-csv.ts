import { isUtf8 } from 'node:buffer'
import { SheikhError } from '../../core/index.js'
import type { SourceSample } from '../dataset-types.js'
import { type DatasetIssue, maximumIssues, someOf } from '../issues.js'
import { type CsvParsed, type CsvRecord, parseCsv } from './csv.js'
import type { Limits } from './limits.js'
import { type Charset, lineBlocks, notUtf8, tooLong } from './text-chunks.js'
import { Unreadable } from './unreadable.js'

/** How CSV and TSV files are written. */
export interface CsvOptions {
  /** One character. @default the one that a first line `sep=;` names, otherwise recognized by the header */
  readonly separator?: string | undefined
  /** One character, or empty if no field is quoted. @default '"' */
  readonly quote?: string | undefined
  /** @default UTF-8, or UTF-16 after a byte order mark */
  readonly charset?: Charset | undefined
}

const names: Readonly<Record<string, string>> = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'vertical bar' }
const charsets: readonly string[] = ['utf-8', 'utf-16', 'latin1', 'windows-1252']

/** @throws `invalid-options` for options that no file can have. */
export function checkCsvOptions({ separator, quote, charset }: CsvOptions): CsvOptions {
  const refuse = (fact: string) =>
    new SheikhError('invalid-options', `Cannot read CSV files: ${fact}. Correct the option.`)
  for (const [name, value] of Object.entries({ separator, quote })) {
    if (value === undefined || (name === 'quote' && value === '')) continue
    if (value.length !== 1 || /[\r\n\0\uFEFF]/.test(value))
      throw refuse(`the ${name} ${JSON.stringify(value)} is not one character`)
  }
  if (separator !== undefined && separator === (quote ?? '"'))
    throw refuse(`the separator and the quote are both ${JSON.stringify(separator)}`)
  if (charset !== undefined && !charsets.includes(charset))
    throw refuse(`the charset ${JSON.stringify(charset)} is not one of ${charsets.join(', ')}`)
  return { separator, quote, charset }
}

/**
 * Reads the samples of a CSV text: one per record, with the header's names as fields. Every value is text, with `\n`
 * line breaks. Trailing columns with neither name nor values are ignored.
 *
 * Throws `Unreadable` for text that is not CSV, or whose separator is ambiguous.
 */
export async function* csvSamples(
  chunks: AsyncIterable<Uint8Array>,
  { maximumSampleBytes }: Pick<Limits, 'maximumSampleBytes'>,
  options: CsvOptions = {},
): AsyncIterable<readonly SourceSample[]> {
  const reader = new CsvReader(options, maximumSampleBytes)
  const counter = { line: 1 }
  for await (const block of lineBlocks(chunks, counter, maximumSampleBytes)) {
    if (!isUtf8(block)) throw notUtf8(`line ${firstBadLine(block, counter.line)}`)
    const text = block.toString('utf8')
    const nul = text.indexOf('\0')
    if (nul >= 0)
      throw new Unreadable(
        'it contains a NUL character, so it is not text',
        `line ${counter.line + lineFeedsIn(text.slice(0, nul))}`,
      )
    counter.line += lineFeedsIn(text)
    yield reader.push(text, false)
  }
  yield reader.push('', true)
}

function firstBadLine(block: Buffer, first: number): number {
  let line = first
  for (let start = 0; start < block.length; line += 1) {
    const end = block.indexOf(0x0a, start)
    if (!isUtf8(block.subarray(start, end < 0 ? block.length : end))) break
    start = end + 1
  }
  return line
}

function lineFeedsIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}

/** Reads the samples and the problems of a whole CSV text. */
export function readCsv(
  path: string,
  text: string,
  options: CsvOptions = {},
): { readonly samples: readonly SourceSample[]; readonly issues: readonly DatasetIssue[] } {
  const samples: SourceSample[] = []
  const issues: DatasetIssue[] = []
  try {
    for (const sample of new CsvReader(options).push(text, true)) {
      const { position, problem } = sample
      if (problem === undefined) samples.push(sample)
      else issues.push({ path, position, message: problem })
      if (issues.length >= maximumIssues) break
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    issues.push({ path, position: error.position, message: error.message })
  }
  return { samples, issues }
}

/** Describes how the start of a CSV text was read: `3 columns (id, text, label), separated by semicolons`. */
export function describeCsv(start: string, options: CsvOptions = {}): string {
  const reader = new CsvReader(options)
  reader.push(start, true)
  const columns = reader.columns ?? []
  const name = names[reader.separator]
  const separators = name === undefined ? JSON.stringify(reader.separator) : `${name}s`
  return `${columns.length} ${columns.length === 1 ? 'column' : 'columns'} (${someOf(columns)}), separated by ${separators}`
}

/** Reads CSV that arrives in pieces of whole lines. */
class CsvReader {
  readonly #options: CsvOptions
  readonly #maximumLength: number
  #pending = ''
  /** A quoted field is open. Parsing again is only worth it once the text has this length. */
  #retryLength = 0
  #separator: string | undefined
  #headerLength = 0
  line = 1
  columns: readonly string[] | undefined

  constructor(options: CsvOptions, maximumLength = Number.POSITIVE_INFINITY) {
    this.#options = options
    this.#maximumLength = maximumLength
  }

  get separator(): string {
    return this.#separator ?? this.#options.separator ?? ','
  }

  push(text: string, isLast: boolean): readonly SourceSample[] {
    this.#pending += text
    if (!isLast && this.#pending.length < this.#retryLength) return []
    if (this.#separator === undefined) this.#recognize(isLast)
    if (this.#separator === undefined) {
      // A quoted name in the header is not closed so far.
      if (this.#pending.length > this.#maximumLength) throw tooLong(this.#maximumLength, this.line)
      this.#retryLength = 2 * this.#pending.length
      return []
    }
    const { records, problem, end, line } = this.#parse(this.#separator, isLast)
    this.#pending = this.#pending.slice(end)
    this.#retryLength = 2 * this.#pending.length
    this.line = line
    const long =
      this.#pending.length > this.#maximumLength
        ? this.line
        : records.find(({ length }) => length > this.#maximumLength)?.line
    if (long !== undefined) throw tooLong(this.#maximumLength, long)
    const samples: SourceSample[] = []
    for (const record of records) {
      if (this.columns === undefined) this.#setColumns(record)
      else samples.push(this.#sampleOf(record, this.columns))
    }
    if (problem !== undefined) {
      const position = `line ${problem.line}, column ${problem.column}`
      samples.push({ value: undefined, position, problem: `it is not CSV: ${problem.message}` })
      this.#pending = ''
    }
    return samples
  }

  #parse(separator: string, isLast: boolean): CsvParsed {
    return parseCsv(this.#pending, { separator, quote: this.#options.quote }, { isLast, line: this.line })
  }

  #recognize(isLast: boolean): void {
    const named = /^\uFEFF?"?sep=([^\r\n"])"?\r?\n/i.exec(this.#pending)
    if (named !== null) {
      this.#separator = named[1]!
      this.#pending = this.#pending.slice(named[0].length)
      this.line += 1
      return
    }
    const { separator, quote } = this.#options
    if (separator !== undefined) {
      this.#separator = separator
      return
    }
    const counts = separatorsIn(this.#pending, quote ?? '"')
    if (counts === undefined && !isLast) return
    // Comma is first in the order, so it is chosen if counts are equal.
    const found = [...(counts ?? [])].filter(([, count]) => count > 0)
    const [guess = ','] = found.reduce<[string, number]>((most, next) => (next[1] > most[1] ? next : most), [',', 0])
    const others = found.map(([other]) => other).filter((other) => other !== guess && this.#fits(other, isLast))
    if (others.length > 0)
      throw new Unreadable(
        `its separator is ambiguous: ${[guess, ...others].map((each) => names[each]).join(' or ')}; set csv.separator in dataset/config.yaml, or write "sep=${guess}" in the first line`,
        `line ${this.line}`,
      )
    this.#separator = guess
  }

  /** Whether all records so far have the same number of fields with a separator. */
  #fits(separator: string, isLast: boolean): boolean {
    const { records, problem } = this.#parse(separator, isLast)
    const [header, ...rest] = records
    return (
      problem === undefined && rest.length > 0 && rest.every(({ fields }) => fields.length === header!.fields.length)
    )
  }

  #setColumns(header: CsvRecord): void {
    const columns = withoutEmptyEnd(header)
    const twice = repeated(columns)
    if (twice !== undefined)
      throw new Unreadable(`the column ${JSON.stringify(twice)} appears twice in the header`, `line ${header.line}`)
    this.columns = columns
    this.#headerLength = header.fields.length
  }

  #sampleOf(record: CsvRecord, columns: readonly string[]): SourceSample {
    const position = `line ${record.line}`
    const fields = withoutEmptyEnd(record, columns.length)
    const wrong = (problem: string): SourceSample => ({ value: undefined, position, problem })
    if (fields.length > columns.length && record.fields.length <= this.#headerLength)
      return wrong(`column ${columns.length + 1} has a value, but no name in the header (${someOf(columns)})`)
    if (fields.length !== columns.length)
      return wrong(
        `it has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, but the header has ${columns.length} columns (${someOf(columns)}) with the separator ${names[this.separator] ?? JSON.stringify(this.separator)}`,
      )
    const value = Object.fromEntries(columns.map((column, index) => [column, withLineFeeds(fields[index]!)]))
    return { value, position }
  }
}

/** How often each separator is in the first line, outside quotes. `undefined`: the line is not complete. */
function separatorsIn(text: string, quote: string): ReadonlyMap<string, number> | undefined {
  const counts = new Map(Object.keys(names).map((separator) => [separator, 0]))
  let quoted = false
  for (const character of text) {
    if (character === quote) quoted = !quoted
    else if (character === '\n' && !quoted) return counts
    else if (!quoted && counts.has(character)) counts.set(character, counts.get(character)! + 1)
  }
  return quoted ? undefined : counts
}

/** A record without trailing empty fields beyond the columns. */
function withoutEmptyEnd({ fields }: CsvRecord, columns = 0): readonly string[] {
  let end = fields.length
  while (end > columns && fields[end - 1] === '') end -= 1
  return end === fields.length ? fields : fields.slice(0, end)
}

function repeated(columns: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return columns.find((column) => seen.size === seen.add(column).size)
}

const withLineFeeds = (field: string) => (field.includes('\r') ? field.replace(/\r\n?/g, '\n') : field)
