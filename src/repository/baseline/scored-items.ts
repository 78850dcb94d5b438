import { SheikhError } from '../../core/index.js'
import type { ItemOutcome, ScoreFile, ScoreLine } from '../../evaluation/index.js'

/** The score of one item, as a program has it. */
export interface ScoredItem {
  readonly id: string | number
  /** `true` is 1, `false` is 0. `null`: the item has no answer. */
  readonly score: number | boolean | null
  /** Why an item has no answer. @default 'error' if `score` is null, else 'ok' */
  readonly outcome?: ItemOutcome | undefined
  /** Items that are not independent, such as repeats of one item. @default each item is independent */
  readonly group?: string | undefined
  /** Slices by kind, such as `{ language: 'de' }`. @default none */
  readonly slices?: Readonly<Record<string, string>> | undefined
}

/** @throws `evaluation-invalid` without items, for an id that is used twice, and for a score that is not finite. */
export function toScoreFile(scores: ScoreFile | readonly ScoredItem[]): ScoreFile {
  const file = isScoreFile(scores) ? scores : { path: 'scores', lines: linesOf(scores) }
  if (file.lines.every(({ score }) => score === null))
    throw invalid(file.lines.length === 0 ? 'there are no items' : 'no item has a score', 'Score at least one item')
  return file
}

const isScoreFile = (scores: ScoreFile | readonly ScoredItem[]): scores is ScoreFile => !Array.isArray(scores)

function linesOf(items: readonly ScoredItem[]): readonly ScoreLine[] {
  const ids = new Set<string>()
  const lines = items.map(({ id, score, outcome, group, slices = {} }, index): ScoreLine => {
    const wrong = (fact: string, remedy: string) => invalid(`item ${index + 1} ${fact}`, remedy)
    const name = String(id)
    if (
      (typeof id !== 'string' && typeof id !== 'number') ||
      !isPlain([name, ...[group ?? []].flat(), ...Object.entries(slices).flat()])
    )
      throw wrong('has an "id", "group" or "slices" that is not plain text', 'Use text')
    if (ids.has(name))
      throw wrong(`has the id ${JSON.stringify(name)} of an earlier item`, 'Use each id once, and "group" for repeats')
    ids.add(name)
    const number = typeof score === 'boolean' ? Number(score) : score
    if (number !== null && !Number.isFinite(number))
      throw wrong(
        `(${JSON.stringify(name)}) has the score ${String(score)}`,
        'Use a finite number, true, false or null',
      )
    const failed = number === null || (outcome !== undefined && outcome !== 'ok')
    return {
      ...{ id: name, score: failed ? null : number, target: null, slices },
      outcome: failed ? (outcome === 'timeout' ? 'timeout' : 'error') : 'ok',
      ...(group !== undefined && group !== null && { group }),
    }
  })
  return lines.sort((left, right) => (left.id < right.id ? -1 : 1))
}

const isPlain = (texts: readonly unknown[]) =>
  texts.every((text) => text === undefined || (typeof text === 'string' && text.isWellFormed()))

const invalid = (fact: string, remedy: string) =>
  new SheikhError('evaluation-invalid', `Cannot use the scores: ${fact}. ${remedy}.`)
