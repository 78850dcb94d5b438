import type { SourceSample } from '../dataset-types.js'
import { type DatasetIssue, maximumIssues, someOf } from '../issues.js'
import { type CsvRecord, parseCsv } from './csv.js'
import type { SamplesRead } from './read-samples.js'

const names: Readonly<Record<string, string>> = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'vertical bar' }

/**
 * Reads the samples of a CSV text: one per record, with the header's names as fields. Every value is text, with `\n`
 * line breaks.
 *
 * A first line `sep=;` names the separator. Otherwise it is the most frequent of comma, semicolon, tab and vertical bar
 * in the header. Trailing columns with neither name nor values are ignored.
 */
export function readCsv(path: string, text: string, given?: string): SamplesRead {
  const { content, separator, skippedLines } = separated(text, given)
  const { records, problem } = parseCsv(content, separator)
  const lineOf = (line: number) => `line ${line + skippedLines}`
  const name = names[separator] ?? JSON.stringify(separator)
  const wrong = (line: number, message: string): DatasetIssue => ({ path, position: lineOf(line), message })
  const issues: DatasetIssue[] = []
  if (problem !== undefined) issues.push(wrong(problem.line, `it is not CSV: ${problem.message}`))
  const [header, ...rows] = records
  if (header === undefined) return { samples: [], issues }
  const columns = withoutEmptyEnd(header)
  const twice = repeated(columns)
  if (twice !== undefined)
    return {
      samples: [],
      issues: [wrong(header.line, `the column ${JSON.stringify(twice)} appears twice in the header`)],
    }
  const samples: SourceSample[] = []
  for (const record of rows) {
    const fields = withoutEmptyEnd(record, columns.length)
    const more = fields.length > columns.length && record.fields.length <= header.fields.length
    if (more)
      issues.push(
        wrong(record.line, `column ${columns.length + 1} has a value, but no name in the header (${someOf(columns)})`),
      )
    else if (fields.length !== columns.length)
      issues.push(
        wrong(
          record.line,
          `it has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, but the header has ${columns.length} columns (${someOf(columns)}) with the separator ${name}`,
        ),
      )
    else {
      const value = Object.fromEntries(columns.map((column, index) => [column, withLineFeeds(fields[index]!)]))
      samples.push({ value, position: lineOf(record.line) })
    }
    if (issues.length >= maximumIssues) break
  }
  return { samples, issues }
}

/** Describes how a CSV text was read: `3 columns (id, text, label), separated by semicolons`. */
export function describeCsv(text: string, given?: string): string {
  const { content, separator } = separated(text, given)
  const [header] = parseCsv(content, separator).records
  const columns = header === undefined ? [] : withoutEmptyEnd(header)
  const name = names[separator]
  const separators = name === undefined ? JSON.stringify(separator) : `${name}s`
  return `${columns.length} ${columns.length === 1 ? 'column' : 'columns'} (${someOf(columns)}), separated by ${separators}`
}

function separated(text: string, given: string | undefined) {
  const line = /^\uFEFF?"?sep=([^\r\n"])"?\r?\n/i.exec(text)
  if (line !== null) return { content: text.slice(line[0].length), separator: line[1]!, skippedLines: 1 }
  return { content: text, separator: given ?? separatorOf(text), skippedLines: 0 }
}

/** The most frequent separator in the first line, outside quotes. */
function separatorOf(text: string): string {
  const counts = new Map(Object.keys(names).map((separator) => [separator, 0]))
  let quoted = false
  for (const character of text) {
    if (character === '"') quoted = !quoted
    else if (character === '\n' && !quoted) break
    else if (!quoted && counts.has(character)) counts.set(character, counts.get(character)! + 1)
  }
  // Comma is first in the order, so it is chosen if counts are equal.
  return [...counts].reduce((most, next) => (next[1] > most[1] ? next : most))[0]
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
