import { canonicalJson, type Json, type SheikhError } from '../../core/index.js'
import { type InexactNumber, inexactProblem, isTextMember } from '../../dataset/index.js'
import type { AnswerCounter } from '../answer-check.js'
import type { ItemOutcome } from '../evaluation.js'
import { invalidRow, isRecord, isSet, listed, member, numbersIn, type Place } from './rows.js'
import type { ScoreLine } from './score-file.js'

export interface OwnRow {
  readonly line: ScoreLine
  /** The metric of several that the score is a value of. */
  readonly metric?: string | undefined
  readonly hasErrorBesideScore: boolean
}

export interface OwnRowContext {
  readonly answers: AnswerCounter
  /** The line, or the number of the row. */
  readonly number: number
  readonly inexact: readonly InexactNumber[]
  readonly metric?: string | undefined
}

/** Parses `{ id, score }` or `{ id, prediction, target }`. */
export function parseOwnRow(item: unknown, place: Place, { answers, number, inexact, metric }: OwnRowContext): OwnRow {
  const wrong = (fact: string) => invalidRow(place, fact, 'Write { "id", "score" } or { "id", "prediction", "target" }')
  const rounded = inexact.find(
    (found) =>
      /^\/(?:id|group|slices|target|prediction)\b/.test(found.pointer) && !isTextMember(found, ['id', 'group']),
  )
  if (rounded !== undefined) throw wrong(inexactProblem(rounded))
  if (!isRecord(item)) throw wrong('it is not an object')
  const scores = member(item, 'scores')
  const chosen = isRecord(scores) ? chosenScore(scores, metric, wrong) : undefined
  const field = (name: string): unknown =>
    name === 'score' && chosen !== undefined ? chosen.value : member(item, name)
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
    ...(chosen !== undefined && { others: chosen.others }),
  }
  return { line, metric: chosen?.name, hasErrorBesideScore: hasError && hasScore && outcome === 'ok' }
}

/** The metric of several. A `score` next to them is their first metric, called "score". */
function chosenScore(scores: Readonly<Record<string, unknown>>, metric: string | undefined, wrong: Wrong) {
  const names = Object.keys(scores)
  const name = metric ?? (names.length === 1 ? names[0] : undefined)
  if (name === undefined || !Object.hasOwn(scores, name))
    throw wrong(`its "scores" are ${listed(names)}; choose one with --metric`)
  const others = numbersIn(Object.entries(scores).filter(([other]) => other !== name))
  return { name, value: scores[name], others }
}

type Wrong = (fact: string) => SheikhError

function outcomeOf(outcome: unknown, failed: boolean): ItemOutcome {
  const word = typeof outcome === 'string' ? outcome.trim().toLowerCase() : ''
  if (word === 'timeout') return 'timeout'
  return word === 'error' || failed ? 'error' : 'ok'
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
