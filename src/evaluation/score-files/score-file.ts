import { type CallContext, type Json, plainPath } from '../../core/index.js'
import { AnswerCounter, type PredictionCheck } from '../answer-check.js'
import type { ItemOutcome } from '../evaluation.js'
import { type CollectedRow, collect, withRepeats } from './collect.js'
import { at, kindAndPath, mapped, slicesAt } from './mapping.js'
import { type OpenedRows, openRows, type SourceRow, toolFormats } from './open-rows.js'
import { parseOwnRow } from './own-row.js'
import { checkReadOptions, type ReadScoreFileOptions, type ScoreFileFormat } from './read-options.js'
import { invalidFile, invalidRow, isRecord, listed, type ToolFormat, type ToolRow } from './rows.js'

/** One item of an evaluation output file. */
export interface ScoreLine {
  readonly id: string
  /** `null` if the model gave no answer. */
  readonly score: number | null
  readonly outcome: ItemOutcome
  readonly target: Json
  readonly group?: string | undefined
  readonly slices: Readonly<Record<string, string>>
  /** Values of further metrics, which are reported. @default none */
  readonly others?: Readonly<Record<string, number>> | undefined
}

export interface ScoreFile {
  readonly path: string
  /** Sorted by id. */
  readonly lines: readonly ScoreLine[]
  /** Result of comparing predictions with targets. @default the file has scores only */
  readonly answers?: PredictionCheck | undefined
  /** @default 'lines' */
  readonly format?: ScoreFileFormat | undefined
  /** The metric that the scores are values of. @default not named in the file */
  readonly metric?: string | undefined
}

/**
 * Reads the output of an evaluation: promptfoo, Vitest and vitest-evals, evalite, lm-evaluation-harness, Inspect, DeepEval, CSV,
 * or JSON Lines with one item per line, `{ "id", "score" }` or `{ "id", "prediction", "target" }`. The format is recognised by
 * content; `format`, `id`, `score`, `pass`, `group` and `slices` describe any other file. The file may be a pipe, gzip,
 * or UTF-16 with a byte order mark.
 *
 * Optional fields of an item are `group`, `slices` (an object, or a list of names), `scores` (several metrics) and
 * `outcome` (`timeout`, `error`) for an item without an answer. `error` without a score means the same; next to a score
 * it is ignored, and a warning is logged. Other fields are ignored. Repeats of one item become one group.
 *
 * @throws `evaluation-invalid` with file and line, for an unknown format, or if a choice of metric or system is missing;
 * `invalid-options`; `not-found`.
 */
export async function readScoreFile(
  path: string,
  context: CallContext,
  options: ReadScoreFileOptions = {},
): Promise<ScoreFile> {
  checkReadOptions(options)
  const opened = await openRows(plainPath(path, 'the path of a score file'), context, options)
  const tool = toolFormats[opened.format]
  const read =
    tool === undefined
      ? await readOwnRows(opened, path, context, options)
      : await readToolRows(opened, tool, path, context, options)
  return {
    path,
    ...(opened.format !== 'lines' && { format: opened.format }),
    ...read,
    lines: [...read.lines].sort((left, right) => (left.id < right.id ? -1 : 1)),
  }
}

async function readToolRows(
  { format, rows }: OpenedRows,
  tool: ToolFormat,
  path: string,
  { signal, log }: CallContext,
  options: ReadScoreFileOptions,
) {
  const items: CollectedRow[] = []
  let others = 0
  for await (const { value, place } of rows) {
    signal.throwIfAborted()
    if (!isRecord(value) || !tool.isRow(value))
      throw invalidRow(place, `it is not a result of ${format}`, 'Keep the results of other programs in other files')
    const item = tool.toItem(value, place)
    if (item === undefined) others += 1
    else items.push({ ...item, ...partsAt(value, options), slices: slicesAt(value, options.slices ?? [], place) })
  }
  if (others > 0) log.warn(`"${path}": ${others} ${tool.others ?? 'results'} are not compared.`)
  if (items.length === 0) throw invalidFile(path, 'it contains no items', 'Evaluate at least one item')
  checkNamed(items, path, options)
  return collect(items, tool, options, { path, log })
}

/** Id and group at the paths that were given, if the row has them. */
function partsAt(row: ToolRow, { id, group }: ReadScoreFileOptions) {
  const text = (path: string | undefined) => {
    const value = path === undefined ? undefined : at(row, path)
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
  }
  const [item, found] = [text(id), text(group)]
  return { ...(item !== undefined && { item }), ...(found !== undefined && { group: found }) }
}

/** A single row may lack a group or a slice. If all do, the path is wrong, and items would count as independent. */
function checkNamed(
  rows: readonly Pick<ScoreLine, 'group' | 'slices'>[],
  path: string,
  { group, slices = [] }: ReadScoreFileOptions,
): void {
  const refuse = (flag: string, name: string) =>
    invalidFile(path, `--${flag} names ${listed([name])}, which no row has`, 'Correct the path')
  if (group !== undefined && rows.every((row) => row.group === undefined)) throw refuse('group', group)
  const kinds = new Set(rows.flatMap((row) => Object.keys(row.slices)))
  const unknown = slices.find((slice) => !kinds.has(kindAndPath(slice)[0]))
  if (unknown !== undefined) throw refuse('slice', unknown)
}

async function readOwnRows(
  { format, rows }: OpenedRows,
  path: string,
  context: CallContext,
  options: ReadScoreFileOptions,
) {
  const answers = new AnswerCounter(options.normalize ?? [])
  const { id, score, pass, group, slices } = options
  const isMapped = [id, score, pass, group, slices].some((field) => field !== undefined)
  let besideScore = 0
  const lines: ScoreLine[] = []
  const firstSeen = new Map<string, number>()
  let metric: string | undefined
  let hasScore = false
  for await (const row of rows) {
    context.signal.throwIfAborted()
    const { number, place } = row
    const plain = format === 'csv' ? withNumbers(row.value as ToolRow, score) : row.value
    const value = isMapped && isRecord(plain) ? mapped(plain, options, place) : plain
    const inexact = isMapped ? [] : row.inexact
    const {
      line,
      metric: chosen,
      hasErrorBesideScore,
    } = parseOwnRow(value, place, {
      ...{ answers, number, inexact, metric: options.metric },
    })
    if (hasErrorBesideScore) besideScore += 1
    if (line.score !== null) {
      if (hasScore && chosen !== metric)
        throw invalidRow(
          place,
          `its score is a value of ${listed([chosen ?? 'score'])}, and that of an earlier one of ${listed([metric ?? 'score'])}`,
          'Write the same metric in each row, or choose one with --metric',
        )
      metric = chosen
      hasScore = true
    }
    const earlier = firstSeen.get(line.id)
    if (earlier !== undefined && id === undefined)
      throw invalidRow(
        place,
        `the id ${listed([line.id])} also appears in ${place.line === undefined ? 'result' : 'line'} ${earlier}`,
        'Give each line a unique id, and give repeats of one item the same "group"; or count repeats as one group with --id id',
      )
    if (earlier === undefined) firstSeen.set(line.id, number)
    lines.push(line)
  }
  checkNamed(lines, path, options)
  const found = answers.finish()
  warn(path, besideScore, found, context)
  return {
    lines: id === undefined ? lines : withRepeats(lines),
    ...(metric !== undefined && { metric }),
    ...(found !== undefined && { answers: found }),
  }
}

function warn(path: string, besideScore: number, found: PredictionCheck | undefined, { log }: CallContext): void {
  if (besideScore > 0)
    log.warn(
      `"${path}": ${besideScore} ${besideScore === 1 ? 'item has' : 'items have'} an "error" next to a score, and ${besideScore === 1 ? 'counts' : 'count'} as answered. For an item without an answer, write "outcome": "error".`,
    )
  if (found !== undefined && found.right > 0 && found.nearMisses > 0)
    log.warn(
      `"${path}": ${found.nearMisses} of ${found.compared} items are wrong only because of white space, case, punctuation or number format. To ignore these differences, use --normalize ${found.steps.join(',')}`,
    )
}

/** A CSV row with its score as a number. An empty field has no value, except for a prediction or a target. */
function withNumbers(row: ToolRow, score = 'score'): SourceRow['value'] {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const text = String(value)
      if (name === score && /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(text)) return [name, Number(text)]
      return [name, text === '' && name !== 'prediction' && name !== 'target' ? null : value]
    }),
  )
}
