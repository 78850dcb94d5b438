import type { SourceSample } from '../dataset-types.js'
import { type DatasetIssue, maximumIssues } from '../issues.js'
import { parseJsonText } from '../json-text.js'
import { parseCsv } from './csv.js'

export interface SamplesRead {
  readonly samples: readonly SourceSample[]
  readonly issues: readonly DatasetIssue[]
}

/** The extensions that hold samples. */
export const sampleExtensions: readonly string[] = ['.json', '.jsonl', '.csv']

/** The samples in a file's bytes, by the extension of its path. */
export function readSamples(path: string, bytes: Uint8Array): SamplesRead {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { samples: [], issues: [{ path, position: '', message: 'it is not UTF-8 text' }] }
  }
  if (path.endsWith('.csv')) return readCsv(path, text)
  return path.endsWith('.jsonl') ? readLines(path, text) : readDocument(path, text)
}

function readDocument(path: string, text: string): SamplesRead {
  const parsed = parseJsonText(text)
  if ('problem' in parsed) {
    const { line, column, message } = parsed.problem
    return { samples: [], issues: [{ path, position: `line ${line}, column ${column}`, message }] }
  }
  const { value } = parsed
  const samples = Array.isArray(value)
    ? value.map((item: unknown, index) => ({ value: item, position: `[${index}]` }))
    : [{ value, position: '' }]
  return { samples, issues: [] }
}

function readLines(path: string, text: string): SamplesRead {
  const samples: SourceSample[] = []
  const issues: DatasetIssue[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const parsed = parseJsonText(line)
    if ('value' in parsed) samples.push({ value: parsed.value, position: `line ${index + 1}` })
    else {
      const { column, message } = parsed.problem
      issues.push({ path, position: `line ${index + 1}, column ${column}`, message })
    }
    if (issues.length >= maximumIssues) break
  }
  return { samples, issues }
}

function readCsv(path: string, text: string): SamplesRead {
  const { records, problem } = parseCsv(text)
  const issues: DatasetIssue[] = []
  if (problem !== undefined)
    issues.push({ path, position: `line ${problem.line}`, message: `it is not CSV: ${problem.message}` })
  const [header, ...rows] = records
  if (header === undefined) return { samples: [], issues }
  const twice = header.fields.find((name, index) => header.fields.indexOf(name) !== index)
  if (twice !== undefined)
    return {
      samples: [],
      issues: [
        {
          path,
          position: `line ${header.line}`,
          message: `the column ${JSON.stringify(twice)} stands in its header twice`,
        },
      ],
    }
  const samples: SourceSample[] = []
  for (const { line, fields } of rows) {
    const position = `line ${line}`
    if (fields.length === header.fields.length)
      samples.push({ value: Object.fromEntries(header.fields.map((name, index) => [name, fields[index]!])), position })
    else
      issues.push({
        path,
        position,
        message: `it has ${fields.length} fields, and the header has ${header.fields.length}`,
      })
    if (issues.length >= maximumIssues) break
  }
  return { samples, issues }
}
