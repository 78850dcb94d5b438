import { createReadStream } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { type CallContext, canonicalJson, digestJson, type Json, messageOf, SheikhError } from '../core/index.js'
import type { Evaluation, MetricColumn, Outcome } from './evaluation.js'

/** One line of anyone's evaluation output. */
export interface ScoreLine {
  readonly id: string
  /** `null` where the model gave no answer. */
  readonly score: number | null
  readonly outcome: Outcome
  readonly target: Json
  readonly group?: string | undefined
  readonly slices: Readonly<Record<string, string>>
}

export interface ScoreFile {
  readonly path: string
  /** Sorted by id. */
  readonly lines: readonly ScoreLine[]
}

export interface PairScoresOptions {
  /** @default 'score' */
  readonly metric?: string | undefined
  /** @default 'higher-is-better' */
  readonly direction?: MetricColumn['direction'] | undefined
  /** The least and greatest score there can be, of scores that are not all 0 or 1. @default unknown */
  readonly range?: readonly [lowest: number, highest: number] | undefined
}

/** A longer line is no evaluation output. In UTF-16 code units. */
const maximumLineLength = 10_000_000

/**
 * Reads a JSONL file: one item a line, `{ "id", "score" }` or `{ "id", "prediction", "target" }`, optionally `group`, `slices`
 * (an object, or a list of names) and `error` or `outcome` for an item that was not answered. Other fields are passed over.
 *
 * @throws `evaluation-invalid` with file and line; `not-found`.
 */
export async function readScoreFile(path: string, context: CallContext): Promise<ScoreFile> {
  const lines: ScoreLine[] = []
  const firstSeen = new Map<string, number>()
  let number = 0
  for await (const text of textLines(path, context)) {
    number += 1
    if (text.trim() === '') continue
    const line = parseLine(text, path, number)
    const earlier = firstSeen.get(line.id)
    if (earlier !== undefined)
      throw invalid(
        path,
        number,
        `the id ${JSON.stringify(line.id)} stands in line ${earlier} too`,
        'Give each line an id of its own, and repeats of one item the same "group"',
      )
    firstSeen.set(line.id, number)
    lines.push(line)
  }
  if (lines.length === 0) throw invalid(path, 1, 'it holds no item', 'Write one JSON object a line')
  return { path, lines: lines.sort((left, right) => (left.id < right.id ? -1 : 1)) }
}

/**
 * Two files as evaluations of the same items, with one metric: binary where every score is 0 or 1, else a mean.
 *
 * @throws `baseline-mismatch` for one file given twice, other items, or items that differ in target, group or slices.
 */
export async function pairScores(
  candidate: ScoreFile,
  baseline: ScoreFile,
  { metric = 'score', direction = 'higher-is-better', range }: PairScoresOptions = {},
): Promise<{ readonly candidate: Evaluation; readonly baseline: Evaluation }> {
  if ((await realpath(candidate.path)) === (await realpath(baseline.path)))
    throw mismatch(`both are the file "${candidate.path}"`)
  checkSameItems(candidate, baseline)
  const binary = [...candidate.lines, ...baseline.lines].every(
    ({ score }) => score === null || score === 0 || score === 1,
  )
  const kind = binary ? 'binary' : 'mean'
  const ids = candidate.lines.map(({ id }) => id)
  const groups = candidate.lines.map(({ id, group }) => group ?? id)
  const kinds = [...new Set(candidate.lines.flatMap(({ slices }) => Object.keys(slices)))].sort()
  const slices = Object.fromEntries(
    kinds.map((name) => [
      name,
      candidate.lines.map((line) => (Object.hasOwn(line.slices, name) ? line.slices[name]! : null)),
    ]),
  )
  const targets = candidate.lines.map(({ target }) => target)
  const evaluationDigest = digestJson({ ids, groups, slices, targets })
  const toEvaluation = (role: string, { lines }: ScoreFile): Evaluation => {
    const scores = lines.map(({ score }) => score)
    const answered = scores.filter((score): score is number => score !== null)
    return {
      formatVersion: 1,
      // Nothing is known of the models but what they answered; two that answer alike are still two.
      modelDigest: digestJson({ role, scores }),
      evaluationDigest,
      ids,
      groups,
      slices,
      targets,
      predictions: lines.map(() => null),
      outcomes: lines.map(({ outcome }) => outcome),
      metrics: [
        {
          name: metric,
          direction,
          kind,
          ...(range !== undefined && !binary && { range }),
          scores,
          value: answered.length === 0 ? null : answered.reduce((sum, score) => sum + score, 0) / answered.length,
        },
      ],
    }
  }
  return { candidate: toEvaluation('candidate', candidate), baseline: toEvaluation('baseline', baseline) }
}

function checkSameItems(candidate: ScoreFile, baseline: ScoreFile): void {
  const others = new Map(baseline.lines.map((line) => [line.id, line]))
  const own = new Set(candidate.lines.map(({ id }) => id))
  const missing = [
    ...candidate.lines.filter(({ id }) => !others.has(id)).map(({ id }) => `"${id}" is not in "${baseline.path}"`),
    ...baseline.lines.filter(({ id }) => !own.has(id)).map(({ id }) => `"${id}" is not in "${candidate.path}"`),
  ]
  if (missing.length > 0)
    throw mismatch(
      `they hold other items: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`,
    )
  const facts = ({ target, group, slices }: ScoreLine) => canonicalJson({ target, group: group ?? null, slices })
  const differs = candidate.lines.find((line) => facts(line) !== facts(others.get(line.id)!))
  if (differs !== undefined)
    throw mismatch(`the item "${differs.id}" has another target, group or slice in one than in the other`)
}

async function* textLines(path: string, { signal }: CallContext): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let number = 1
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) {
      signal.throwIfAborted()
      const pieces = (rest + decoder.decode(bytes as Buffer, { stream: true })).split('\n')
      rest = pieces.pop()!
      if (rest.length > maximumLineLength)
        throw invalid(path, number + pieces.length, 'it is too long to be one item', 'Write one JSON object a line')
      number += pieces.length
      yield* pieces
    }
    yield rest + decoder.decode()
  } catch (error) {
    if (error instanceof SheikhError || signal.aborted) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new SheikhError('not-found', `There is no file "${path}". Name one with an item a line.`, {
        facts: { path },
        cause: error,
      })
    throw invalid(path, number, `it cannot be read (${messageOf(error)})`, 'Write UTF-8 text', error)
  }
}

function parseLine(text: string, path: string, number: number): ScoreLine {
  const wrong = (fact: string) =>
    invalid(path, number, fact, 'An item is { "id", "score" } or { "id", "prediction", "target" }')
  let item: unknown
  try {
    item = JSON.parse(text)
  } catch (error) {
    throw invalid(path, number, `it is not JSON (${messageOf(error)})`, 'Write one whole JSON object a line', error)
  }
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw wrong('it is not an object')
  const field = (name: string): unknown =>
    Object.hasOwn(item, name) ? (item as Record<string, unknown>)[name] : undefined
  const id = field('id')
  if (typeof id !== 'string' && typeof id !== 'number') throw wrong('it has no "id" that is text or a number')
  const group = field('group')
  if (group !== undefined && group !== null && typeof group !== 'string' && typeof group !== 'number')
    throw wrong('its "group" is neither text nor a number')
  const outcome = outcomeOf(field('outcome'), field('error'))
  for (const name of ['id', 'group', 'slices', 'target']) checkedText(name, field(name) ?? null, wrong)
  return {
    id: String(id),
    score: outcome === 'ok' ? scoreOf(field, wrong) : null,
    outcome: outcome === 'ok' && field('score') === null ? 'error' : outcome,
    target: (field('target') ?? null) as Json,
    ...(group !== undefined && group !== null && { group: String(group) }),
    slices: slicesOf(field('slices'), wrong),
  }
}

function outcomeOf(outcome: unknown, error: unknown): Outcome {
  if (outcome === 'timeout') return 'timeout'
  return outcome === 'error' || (error !== undefined && error !== null && error !== false && error !== '')
    ? 'error'
    : 'ok'
}

function scoreOf(field: (name: string) => unknown, wrong: (fact: string) => SheikhError): number | null {
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
  return checkedText('prediction', prediction, wrong) === canonicalJson(target) ? 1 : 0
}

/** The one text of a value. What `JSON.parse` takes and a digest cannot: 1e999, half a surrogate pair, any depth. */
function checkedText(name: string, value: unknown, wrong: (fact: string) => SheikhError): string {
  try {
    return canonicalJson(value)
  } catch {
    throw wrong(`its "${name}" holds a number that is not finite, half a character, or too many levels`)
  }
}

function slicesOf(slices: unknown, wrong: (fact: string) => SheikhError): Readonly<Record<string, string>> {
  if (slices === undefined || slices === null) return {}
  const isName = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  // A list names subsets that the item is in; each is a kind of its own, so that an item may be in several.
  if (Array.isArray(slices) && slices.every(isName))
    return Object.fromEntries(slices.map((name) => [String(name), 'yes']))
  if (typeof slices === 'object' && !Array.isArray(slices) && Object.values(slices).every(isName))
    return Object.fromEntries(Object.entries(slices).map(([kind, value]) => [kind, String(value)]))
  throw wrong('its "slices" are neither { "kind": "name" } nor a list of names')
}

const invalid = (path: string, line: number, fact: string, remedy: string, cause?: unknown) =>
  new SheikhError('evaluation-invalid', `Cannot use "${path}", line ${line}: ${fact}. ${remedy}.`, {
    facts: { path, line },
    ...(cause !== undefined && { cause }),
  })

const mismatch = (fact: string) =>
  new SheikhError('baseline-mismatch', `Cannot compare the files: ${fact}. Score both models on the same items.`)
