import type { SourceSample } from '../dataset-types.js'
import { type DatasetIssue, maximumIssues } from '../issues.js'
import { type InexactNumber, parseJsonKeepingDigits } from '../json-text.js'
import { decodeText, withoutMarks } from './decode-text.js'
import { readCsv } from './read-csv.js'
import { sampleFormatOf } from './sample-format.js'

export interface SamplesRead {
  readonly samples: readonly SourceSample[]
  readonly issues: readonly DatasetIssue[]
}

/**
 * Reads the samples in a file's bytes, in the format of its extension.
 *
 * @param maximumBytes maximum size of an unpacked file.
 */
export function readSamples(path: string, bytes: Uint8Array, maximumBytes: number): SamplesRead {
  const decoded = decodeText(bytes, maximumBytes)
  if ('problem' in decoded) return { samples: [], issues: [{ path, position: '', message: decoded.problem }] }
  const { text } = decoded
  const format = sampleFormatOf(path)
  if (format === 'csv' || format === 'tsv') {
    const nul = text.indexOf('\0')
    if (nul < 0) return readCsv(path, text, format === 'tsv' ? '\t' : undefined)
    const position = `line ${text.slice(0, nul).split('\n').length}`
    return { samples: [], issues: [{ path, position, message: 'it contains a NUL character, so it is not text' }] }
  }
  return format === 'lines' ? readLines(path, text) : readDocument(path, text)
}

function readDocument(path: string, text: string): SamplesRead {
  const parsed = parseJsonKeepingDigits(text)
  if ('problem' in parsed) {
    const { line, column, message } = parsed.problem
    return { samples: [], issues: [{ path, position: `line ${line}, column ${column}`, message }] }
  }
  const { value, inexact } = parsed
  if (!Array.isArray(value)) return { samples: [{ value, position: '', inexact }], issues: [] }
  const numbers = new Map<number, InexactNumber[]>()
  for (const { pointer, digits } of inexact) {
    const [, index = '', rest = ''] = /^\/(\d+)(.*)$/s.exec(pointer) ?? []
    numbers.set(Number(index), [...(numbers.get(Number(index)) ?? []), { pointer: rest, digits }])
  }
  const samples = value.map((item: unknown, index) => ({
    value: item,
    position: `[${index}]`,
    inexact: numbers.get(index) ?? [],
  }))
  return { samples, issues: [] }
}

function readLines(path: string, text: string): SamplesRead {
  const samples: SourceSample[] = []
  const issues: DatasetIssue[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.replaceAll('\uFEFF', '').trim() === '') continue
    const parsed = parseJsonKeepingDigits(withoutMarks(line))
    if ('value' in parsed) samples.push({ value: parsed.value, position: `line ${index + 1}`, inexact: parsed.inexact })
    else {
      const { column, message } = parsed.problem
      issues.push({ path, position: `line ${index + 1}, column ${column}`, message })
    }
    if (issues.length >= maximumIssues) break
  }
  return { samples, issues }
}
