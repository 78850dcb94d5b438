import type { CallContext } from '../../core/index.js'
import { type InexactNumber, parseJsonKeepingDigits, readCsv } from '../../dataset/index.js'
import { deepEval, deepEvalRows } from './deepeval.js'
import { evalite, evaliteRows } from './evalite.js'
import { inspect, inspectRows } from './inspect.js'
import { lmEval } from './lm-eval.js'
import { promptfoo } from './promptfoo.js'
import type { ReadScoreFileOptions, ScoreFileFormat } from './read-options.js'
import { invalidFile, isRecord, member, type Place, shown, shownJson, type ToolFormat, type ToolRow } from './rows.js'
import { invalidLine, maximumDocumentLength, textLines } from './text-lines.js'
import { vitest, vitestRows } from './vitest.js'

export const toolFormats: Readonly<Partial<Record<ScoreFileFormat, ToolFormat>>> = {
  ...{ promptfoo, vitest, evalite, inspect },
  'lm-eval': lmEval,
  deepeval: deepEval,
}

export interface SourceRow {
  readonly value: unknown
  /** The number of the line, or of the row in a list. From 1. */
  readonly number: number
  readonly place: Place
  readonly inexact: readonly InexactNumber[]
}

export interface OpenedRows {
  readonly format: ScoreFileFormat
  readonly rows: AsyncIterable<SourceRow>
}

/**
 * Recognises the format of a file by its first row, or by the members of a JSON document.
 *
 * @throws `evaluation-invalid` for an unknown file, with its first row.
 */
export async function openRows(path: string, context: CallContext, options: ReadScoreFileOptions): Promise<OpenedRows> {
  const lines = textLines(path, context)
  try {
    return await recognise(path, lines, context, options)
  } catch (error) {
    await lines.return(undefined) // closes the file
    throw error
  }
}

async function recognise(
  path: string,
  lines: AsyncGenerator<string>,
  context: CallContext,
  options: ReadScoreFileOptions,
): Promise<OpenedRows> {
  let number = 0
  let first = ''
  while (first.trim() === '') {
    const next = await lines.next()
    if (next.done) throw invalidLine(path, 1, 'it contains no items', 'Write one JSON object per line')
    number += 1
    first = next.value
  }
  const whole = () => wholeText(first, number, lines, path)
  if (options.format === 'csv' || (options.format === undefined && isCsvHeader(first, options)))
    return { format: 'csv', rows: csvRows(path, await whole()) }
  const start = first.trim()
  if (start.startsWith('{')) {
    const parsed = parseJsonKeepingDigits(first)
    const isDocument = 'problem' in parsed ? parsed.problem.message.endsWith('too early') : isToolDocument(parsed.value)
    if (!isDocument) {
      const format = 'problem' in parsed ? (options.format ?? 'lines') : formatOf(parsed.value, options)
      if (format === undefined) throw unknown(path, first, options, number)
      return { format, rows: lineRows(path, first, number, lines) }
    }
  } else if (!start.startsWith('[')) throw unknown(path, first, options, number)
  return documentRows(path, await whole(), options, context)
}

/** The format of a row; `undefined` if it is unknown, or not the one that was asked for. */
function formatOf(row: unknown, { format, id, score, pass }: ReadScoreFileOptions): ScoreFileFormat | undefined {
  if (!isRecord(row)) return format === 'lines' ? 'lines' : undefined
  const isMapped = score !== undefined || pass !== undefined
  const found = (['promptfoo', 'lm-eval'] as const).find((name) => toolFormats[name]!.isRow(row))
  if (format !== undefined) return format === 'lines' || format === found ? format : undefined
  if (found !== undefined && !isMapped) return found
  const hasScore = ['score', 'scores', 'prediction', 'outcome', 'error'].some((name) => Object.hasOwn(row, name))
  return (id !== undefined || Object.hasOwn(row, 'id')) && (isMapped || hasScore) ? 'lines' : undefined
}

/** A column "id", or a column that is named by an option. Anything less would be a guess. */
function isCsvHeader(line: string, { id, score, pass }: ReadScoreFileOptions): boolean {
  if (/^\s*[{[]/.test(line)) return false
  const columns = line.split(/[,;\t|]/).map((column) => column.trim().replace(/^"(.*)"$/, '$1'))
  return (
    /^"?sep=/i.test(line) ||
    (columns.length > 1 && columns.some((column) => [id ?? 'id', score, pass].includes(column)))
  )
}

const isToolDocument = (value: unknown) => documentFormat(value) !== undefined

function documentFormat(value: unknown): ScoreFileFormat | undefined {
  const isList = (found: unknown) => Array.isArray(found)
  if (isList(member(value, 'testResults'))) return 'vitest'
  if (isList(member(member(value, 'results'), 'results'))) return 'promptfoo'
  if (isList(member(value, 'evals'))) return 'evalite'
  if (isList(member(value, 'testCases')) && isList(member(value, 'metricsScores'))) return 'deepeval'
  return isList(member(value, 'samples')) && isRecord(member(value, 'eval')) ? 'inspect' : undefined
}

function documentRows(path: string, text: string, options: ReadScoreFileOptions, context: CallContext): OpenedRows {
  const parsed = parseJsonKeepingDigits(text)
  if ('problem' in parsed) {
    const { line, column, message } = parsed.problem
    throw invalidLine(path, line, `${message} in column ${column}`, 'Write complete JSON')
  }
  const document = parsed.value
  const format = documentFormat(document)
  if (format !== undefined && (options.format ?? format) !== format) throw unknown(path, text, options)
  if (format === 'vitest') {
    const { rows, notRun } = vitestRows(document as ToolRow)
    if (notRun > 0) context.log.warn(`"${path}": ${notRun} test ${notRun === 1 ? 'file' : 'files'} could not run.`)
    return { format, rows: listRows(path, rows) }
  }
  if (format === 'promptfoo')
    return { format, rows: listRows(path, member(member(document, 'results'), 'results') as readonly unknown[]) }
  if (format === 'evalite') return { format, rows: listRows(path, evaliteRows(document as ToolRow)) }
  if (format === 'deepeval') return { format, rows: listRows(path, deepEvalRows(document as ToolRow)) }
  if (format === 'inspect') return { format, rows: listRows(path, inspectRows(document as ToolRow)) }
  const rows = Array.isArray(document) ? document : [document]
  if (rows.length === 0) throw invalidFile(path, 'it contains no items', 'Evaluate at least one item')
  const rowFormat = formatOf(rows[0], options)
  if (rowFormat === undefined) throw unknown(path, shownJson(rows[0]), options)
  return { format: rowFormat, rows: listRows(path, rows) }
}

async function wholeText(first: string, number: number, lines: AsyncGenerator<string>, path: string): Promise<string> {
  // Blank lines in front keep the line numbers of messages.
  const texts = ['\n'.repeat(number - 1) + first]
  let length = first.length
  for await (const line of lines) {
    texts.push(line)
    length += line.length + 1
    if (length > maximumDocumentLength)
      throw invalidFile(path, `it has more than ${maximumDocumentLength} characters`, 'Write JSON Lines, or split it')
  }
  return texts.join('\n')
}

async function* lineRows(
  path: string,
  first: string,
  firstNumber: number,
  lines: AsyncGenerator<string>,
): AsyncGenerator<SourceRow> {
  try {
    yield lineRow(path, first, firstNumber)
    let number = firstNumber
    for await (const text of lines) {
      number += 1
      if (text.trim() !== '') yield lineRow(path, text, number)
    }
  } finally {
    await lines.return(undefined) // closes the file, even if only the first row was read
  }
}

function lineRow(path: string, text: string, number: number): SourceRow {
  const parsed = parseJsonKeepingDigits(text)
  if ('problem' in parsed) {
    const { column, message } = parsed.problem
    throw invalidLine(path, number, `${message} in column ${column}`, 'Write one complete JSON object per line')
  }
  return { ...parsed, number, place: { path, position: `line ${number}`, line: number } }
}

async function* listRows(path: string, values: readonly unknown[]): AsyncGenerator<SourceRow> {
  for (const [index, value] of values.entries())
    yield { value, number: index + 1, place: { path, position: `result ${index + 1}` }, inexact: [] }
}

/** Every value of a CSV file is text. A number stays text unless it is read as a score. */
async function* csvRows(path: string, text: string): AsyncGenerator<SourceRow> {
  const { samples, issues } = readCsv(path, text)
  const [issue] = issues
  if (issue !== undefined)
    throw invalidFile(path, `${issue.position}: ${issue.message}`, 'Correct the file, or name its format with --format')
  if (samples.length === 0) throw invalidFile(path, 'it contains no items', 'Write one row per item')
  for (const { value, position } of samples) {
    const number = Number(/\d+/.exec(position ?? '')?.[0] ?? 0)
    yield { value, number, place: { path, position: `line ${number}`, line: number }, inexact: [] }
  }
}

function unknown(path: string, first: string, { format }: ReadScoreFileOptions, line = 1) {
  const fact = format === undefined ? 'its format is not recognised' : `it is not a file of the format ${format}`
  return invalidLine(
    path,
    line,
    `${fact}. The first row is ${shown(first.trim())}`,
    'Name its fields with --id and --score or --pass (and --group, --slice), or its format with --format (lines, csv, promptfoo, vitest, evalite, lm-eval, inspect, deepeval)',
  )
}
