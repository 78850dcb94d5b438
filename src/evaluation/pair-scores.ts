import { stat } from 'node:fs/promises'
import { canonicalJson, digestJson, SheikhError } from '../core/index.js'
import { checkAnswers } from './answer-check.js'
import type { Evaluation, MetricColumn } from './evaluation.js'
import { listed } from './score-files/rows.js'
import type { ScoreFile, ScoreLine } from './score-files/score-file.js'

export interface PairScoresOptions {
  /** Name of the metric. @default that of the files, else 'score' */
  readonly metric?: string | undefined
  /** @default 'higher-is-better' */
  readonly direction?: MetricColumn['direction'] | undefined
  /** The lowest and highest possible score, for scores that are not all 0 or 1. @default unknown */
  readonly range?: readonly [lowest: number, highest: number] | undefined
}

/**
 * Converts two score files to evaluations of the same items with one metric: binary if every score is 0 or 1, otherwise
 * a mean.
 *
 * @throws `baseline-mismatch` if both are the same file, or items differ in id, target, group or slices;
 * `evaluation-invalid` if text and numbers were compared, or if neither model has a correct item.
 */
export async function pairScores(
  candidate: ScoreFile,
  baseline: ScoreFile,
  { metric: named, direction = 'higher-is-better', range }: PairScoresOptions = {},
): Promise<{ readonly candidate: Evaluation; readonly baseline: Evaluation }> {
  if (candidate === baseline || (await isSameFile(candidate.path, baseline.path)))
    throw mismatch(`both paths are the same file, "${candidate.path}"`, 'Name the files of two models.')
  const inFiles = metricOf(candidate, baseline)
  const metric = named ?? inFiles ?? 'score'
  const baselineLines = inOrderOf(candidate, baseline)
  checkAnswers(candidate, baseline)
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
  const others = otherMetrics(candidate, baseline).filter((name) => name !== metric)
  const targets = candidate.lines.map(({ target }) => target)
  const evaluationDigest = digestJson({ ids, groups, slices, targets })
  const toEvaluation = (role: string, lines: readonly ScoreLine[]): Evaluation => {
    const scores = lines.map(({ score }) => score)
    const answered = scores.filter((score): score is number => score !== null)
    return {
      formatVersion: 1,
      // Only the answers of the models are known. Two models with equal answers still get different digests.
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
          value: meanOf(answered),
        },
        ...others.map((name) => otherColumn(name, lines)),
      ],
    }
  }
  return { candidate: toEvaluation('candidate', candidate.lines), baseline: toEvaluation('baseline', baselineLines) }
}

const meanOf = (scores: readonly number[]) =>
  scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length

/** The metrics, besides the first, that both files have. */
function otherMetrics(candidate: ScoreFile, baseline: ScoreFile): readonly string[] {
  const namesOf = ({ lines }: ScoreFile) => new Set(lines.flatMap(({ others = {} }) => Object.keys(others)))
  const inBaseline = namesOf(baseline)
  return [...namesOf(candidate)].filter((name) => inBaseline.has(name)).sort()
}

/** Values of a metric that is only reported, over the items that have one. Its direction is unknown and not used. */
function otherColumn(name: string, lines: readonly ScoreLine[]): MetricColumn {
  const scores = lines.map(({ others = {} }) => (Object.hasOwn(others, name) ? others[name]! : null))
  const value = meanOf(scores.filter((score) => score !== null))
  return { name, direction: 'higher-is-better', kind: 'mean', scores, value }
}

function metricOf(candidate: ScoreFile, baseline: ScoreFile): string | undefined {
  if (candidate.metric !== undefined && baseline.metric !== undefined && candidate.metric !== baseline.metric)
    throw mismatch(
      `"${candidate.path}" has values of "${candidate.metric}", and "${baseline.path}" of "${baseline.metric}"`,
      'Score both models with the same metric.',
    )
  return candidate.metric ?? baseline.metric
}

/** The baseline's lines in the candidate's order: a program may give lines that are not sorted. */
function inOrderOf(candidate: ScoreFile, baseline: ScoreFile): readonly ScoreLine[] {
  const others = new Map(baseline.lines.map((line) => [line.id, line]))
  const own = new Set(candidate.lines.map(({ id }) => id))
  if (own.size < candidate.lines.length || others.size < baseline.lines.length)
    throw mismatch('one of them contains an id twice', 'Give each item an id of its own.')
  const missing = [
    ...candidate.lines
      .filter(({ id }) => !others.has(id))
      .map(({ id }) => `${listed([id])} is not in "${baseline.path}"`),
    ...baseline.lines.filter(({ id }) => !own.has(id)).map(({ id }) => `${listed([id])} is not in "${candidate.path}"`),
  ]
  if (missing.length > 0)
    throw mismatch(
      `they contain different items: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`,
    )
  const facts = ({ target, group, slices }: ScoreLine) => canonicalJson({ target, group: group ?? null, slices })
  const differs = candidate.lines.find((line) => facts(line) !== facts(others.get(line.id)!))
  if (differs !== undefined)
    throw mismatch(
      `the item ${listed([differs.id])} differs in target, group or slices between the files`,
      'Give it the same values in both files.',
    )
  return candidate.lines.map(({ id }) => others.get(id)!)
}

/** Compares device and inode: two links to one file are the same file, two pipes are not. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  if (one === other) return true
  const [left, right] = await Promise.all(
    [one, other].map((path) => stat(path, { bigint: true }).catch(() => undefined)),
  )
  return left !== undefined && right !== undefined && left.dev === right.dev && left.ino === right.ino
}

const mismatch = (fact: string, remedy = 'Score both models on the same items.') =>
  new SheikhError('baseline-mismatch', `Cannot compare the files: ${fact}. ${remedy}`)
