import { type CallContext, canonicalJson, type Json, plainPath, type SheikhError } from '../core/index.js'
import { inexactProblem, isTextMember, parseJsonKeepingDigits } from '../dataset/index.js'
import { AnswerCounter, type PredictionCheck } from './answer-check.js'
import type { ItemOutcome } from './evaluation.js'
import type { Normalization } from './normalization.js'
import { invalidLine, textLines } from './text-lines.js'

/** One line of an evaluation output file. */
export interface ScoreLine {
  readonly id: string
  /** `null` if the model gave no answer. */
  readonly score: number | null
  readonly outcome: ItemOutcome
  readonly target: Json
  readonly group?: string | undefined
  readonly slices: Readonly<Record<string, string>>
}

export interface ScoreFile {
  readonly path: string
  /** Sorted by id. */
  readonly lines: readonly ScoreLine[]
  /** Result of comparing predictions with targets. @default the file has scores only */
  readonly answers?: PredictionCheck | undefined
}

export interface ReadScoreFileOptions {
  /** Differences between a prediction and its target that are ignored. @default none */
  readonly normalize?: readonly Normalization[] | undefined
}

/**
 * Reads a JSON Lines file with one item per line, `{ "id", "score" }` or `{ "id", "prediction", "target" }`. Optional
 * fields are `group`, `slices` (an object, or a list of names) and `outcome` (`timeout`, `error`) for an item without
 * an answer. `error` without a score means the same; next to a score it is ignored, and a warning is logged. Other
 * fields are ignored. The file may be a pipe, gzip, or UTF-16 with a byte order mark.
 *
 * @throws `evaluation-invalid` with file and line; `not-found`.
 */
export async function readScoreFile(
  path: string,
  context: CallContext,
  { normalize = [] }: ReadScoreFileOptions = {},
): Promise<ScoreFile> {
  const answers = new AnswerCounter(normalize)
  let besideScore = 0
  const lines: ScoreLine[] = []
  const firstSeen = new Map<string, number>()
  let number = 0
  for await (const text of textLines(plainPath(path, 'the path of a score file'), context)) {
    number += 1
    if (text.trim() === '') continue
    const { line, hasErrorBesideScore } = parseLine(text, path, number, answers)
    if (hasErrorBesideScore) besideScore += 1
    const earlier = firstSeen.get(line.id)
    if (earlier !== undefined)
      throw invalidLine(
        path,
        number,
        `the id ${JSON.stringify(line.id)} also appears in line ${earlier}`,
        'Give each line a unique id, and give repeats of one item the same "group"',
      )
    firstSeen.set(line.id, number)
    lines.push(line)
  }
  if (lines.length === 0) throw invalidLine(path, 1, 'it contains no items', 'Write one JSON object per line')
  if (besideScore > 0)
    context.log.warn(
      `"${path}": ${besideScore} ${besideScore === 1 ? 'item has' : 'items have'} an "error" next to a score, and ${besideScore === 1 ? 'counts' : 'count'} as answered. For an item without an answer, write "outcome": "error".`,
    )
  const found = answers.finish()
  if (found !== undefined && found.right > 0 && found.nearMisses > 0)
    context.log.warn(
      `"${path}": ${found.nearMisses} of ${found.compared} items are wrong only because of white space, case, punctuation or number format. To ignore these differences, use --normalize ${found.steps.join(',')}`,
    )
  return {
    path,
    lines: lines.sort((left, right) => (left.id < right.id ? -1 : 1)),
    ...(found !== undefined && { answers: found }),
  }
}

function parseLine(text: string, path: string, number: number, answers: AnswerCounter) {
  const wrong = (fact: string) =>
    invalidLine(path, number, fact, 'Write { "id", "score" } or { "id", "prediction", "target" }')
  const parsed = parseJsonKeepingDigits(text)
  if ('problem' in parsed) {
    const { column, message } = parsed.problem
    throw invalidLine(path, number, `${message} in column ${column}`, 'Write one complete JSON object per line')
  }
  const item = parsed.value
  const inexact = parsed.inexact.find(
    (number) =>
      /^\/(?:id|group|slices|target|prediction)\b/.test(number.pointer) && !isTextMember(number, ['id', 'group']),
  )
  if (inexact !== undefined) throw wrong(inexactProblem(inexact))
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw wrong('it is not an object')
  const field = (name: string): unknown =>
    Object.hasOwn(item, name) ? (item as Record<string, unknown>)[name] : undefined
  const id = field('id')
  if (typeof id !== 'string' && typeof id !== 'number') throw wrong('it has no "id" that is text or a number')
  const group = field('group')
  if (group !== undefined && group !== null && typeof group !== 'string' && typeof group !== 'number')
    throw wrong('its "group" is neither text nor a number')
  const hasScore = field('score') !== undefined && field('score') !== null
  const hasError = isSet(field('error'))
  const outcome = outcomeOf(field('outcome'), hasError && !hasScore)
  for (const name of ['id', 'group', 'slices', 'target']) checkedText(name, field(name) ?? null, wrong)
  const line: ScoreLine = {
    id: String(id),
    score: outcome === 'ok' ? scoreOf(field, wrong, { answers, number }) : null,
    outcome: outcome === 'ok' && field('score') === null ? 'error' : outcome,
    target: (field('target') ?? null) as Json,
    ...(group !== undefined && group !== null && { group: String(group) }),
    slices: slicesOf(field('slices'), wrong),
  }
  return { line, hasErrorBesideScore: hasError && hasScore && outcome === 'ok' }
}

const isSet = (error: unknown) => error !== undefined && error !== null && error !== false && error !== ''

function outcomeOf(outcome: unknown, failed: boolean): ItemOutcome {
  if (outcome === 'timeout') return 'timeout'
  return outcome === 'error' || failed ? 'error' : 'ok'
}

function scoreOf(
  field: (name: string) => unknown,
  wrong: (fact: string) => SheikhError,
  { answers, number }: { readonly answers: AnswerCounter; readonly number: number },
): number | null {
  const score = field('score')
  if (score === null) return null
  if (typeof score === 'boolean') return score ? 1 : 0
  if (typeof score === 'number' && Number.isFinite(score)) return score
  if (score !== undefined) {
    const shown = typeof score === 'string' ? JSON.stringify(score.slice(0, 40)) : 'not a finite number'
    throw wrong(`its "score" is ${shown}`)
  }
  const [prediction, target] = [field('prediction'), field('target')]
  if (prediction === undefined || target === undefined)
    throw wrong('it has neither a "score" nor a "prediction" and a "target"')
  checkedText('prediction', prediction, wrong)
  return answers.isRight(prediction as Json, target as Json, number) ? 1 : 0
}

/**
 * The canonical text of a value. Rejects what `JSON.parse` accepts but a digest does not: 1e999, a lone surrogate,
 * excessive depth.
 */
function checkedText(name: string, value: unknown, wrong: (fact: string) => SheikhError): string {
  try {
    return canonicalJson(value)
  } catch {
    throw wrong(`its "${name}" contains a number that is not finite, a lone surrogate, or too many levels`)
  }
}

function slicesOf(slices: unknown, wrong: (fact: string) => SheikhError): Readonly<Record<string, string>> {
  if (slices === undefined || slices === null) return {}
  const isName = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  // A list names the slices of an item. Each name is its own kind, so that an item may be in several.
  if (Array.isArray(slices) && slices.every(isName))
    return Object.fromEntries(slices.map((name) => [String(name), 'yes']))
  if (typeof slices === 'object' && !Array.isArray(slices) && Object.values(slices).every(isName))
    return Object.fromEntries(Object.entries(slices).map(([kind, value]) => [kind, String(value)]))
  throw wrong('its "slices" are neither { "kind": "name" } nor a list of names')
}
