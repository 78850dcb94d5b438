import { canonicalJson, type Digest, digestJson, type Json, SheikhError, seededRandom } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import { answerOf, type Prediction, type Row } from '../model/index.js'
import type { Finding } from './finding.js'
import { judgeNoRegression } from './judge.js'
import { pairGroups } from './paired-groups.js'
import type { PartialFinding } from './partial-finding.js'

/** An unlabelled item with both models' predictions. */
export interface PoolItem {
  readonly row: Omit<Row<unknown, unknown>, 'target'>
  readonly candidate: Prediction
  readonly baseline: Prediction
}

/** An item for a person to label. Labelling is blind: the answers do not show which model gave them. */
export interface PoolQuestion {
  readonly id: string
  readonly input: Json
  /** Both answers, sorted. The correct answer may be a third one. */
  readonly answers: readonly Json[]
}

export interface Pool {
  readonly items: readonly PoolItem[]
  /** Digest of ids and inputs. */
  readonly digest: Digest
  /** The items that the models answer differently, in an order that reveals nothing. */
  readonly questions: readonly PoolQuestion[]
}

/**
 * Selects the items of a pool of held-out inputs that need a label. Items that both models answer the same way do not
 * change the difference, whatever their label, so only the others are selected.
 */
export function disagreementPool(items: readonly PoolItem[]): Pool {
  const digest = digestJson(items.map(({ row: { id, input } }) => ({ id, input: input as Json })))
  const questions = items.filter(differs).map(({ row, candidate, baseline }) => ({
    id: row.id,
    input: row.input as Json,
    answers: [answerOf(candidate), answerOf(baseline)].sort((one, other) =>
      canonicalJson(one) < canonicalJson(other) ? -1 : 1,
    ),
  }))
  return { items, digest, questions: seededRandom(`pool ${digest}`).shuffle(questions) }
}

export interface PoolVerdict {
  readonly finding: Finding
  readonly items: number
  readonly differing: number
  /** Number of labels that are still missing. */
  readonly unlabelled: number
}

/**
 * Judges whether the candidate is at most `margin` worse than the baseline on a pool in which only the disagreements
 * are labelled. Applies the test of `noRegression` to the same counts that a fully labelled pool would give. Items
 * without a label count as regressions for a pass and as improvements for a fail, so a decision does not change when
 * the remaining labels arrive.
 *
 * @param baselineName name of the baseline in the finding. @default 'baseline'
 * @param metric binary, and a function of only prediction and target.
 * @throws `invalid-options` for another metric, or for a label of an item that is not in the pool's questions.
 */
export function judgePool(
  { items, questions }: Pool,
  labels: ReadonlyMap<string, Json>,
  {
    metric,
    margin,
    baselineName = 'baseline',
  }: { readonly metric: Metric; readonly margin: number; readonly baselineName?: string | undefined },
): PoolVerdict {
  if (metric.kind !== 'binary')
    throw new SheikhError(
      'invalid-options',
      `Cannot judge a pool by "${metric.name}": only for a binary metric do equal answers have equal scores. Use accuracy().`,
    )
  const asked = new Set(questions.map(({ id }) => id))
  const stranger = [...labels.keys()].find((id) => !asked.has(id))
  if (stranger !== undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot use the label of "${stranger}": it is not among the ${questions.length} items to be labelled. Label the items of this pool, from the same run.`,
      { facts: { id: stranger } },
    )
  const unlabelled = questions.filter(({ id }) => !labels.has(id)).length
  const judged = (open: 'lost' | 'won') => {
    const scores = items.map((item) => scoresOf(item, labels, metric, open))
    const evaluation = (model: string, side: 0 | 1): Evaluation =>
      evaluationOf(
        items,
        metric,
        model,
        scores.map((pair) => pair[side]),
      )
    return judgeNoRegression(pairGroups(evaluation('candidate', 0), evaluation('baseline', 1), metric).over(), margin)
  }
  const worst = judged('lost')
  const best = unlabelled === 0 ? worst : judged('won')
  const settled = worst.status === 'pass' || best.status !== 'fail' ? worst : best
  const answer =
    unlabelled === 0 || settled.status === 'pass' || settled === best
      ? settled
      : {
          ...settled,
          status: 'inconclusive' as const,
          reason: `${unlabelled} of ${questions.length} items that the models answer differently have no label yet`,
        }
  const finding: Finding = {
    ...{ check: `no-regression(${metric.name})`, critical: true, metric: metric.name, metricKind: metric.kind },
    ...({ against: 'baseline', againstVersion: baselineName } as const),
    ...withoutValues(answer),
  }
  return { finding, items: items.length, differing: questions.length, unlabelled }
}

/** The labels of other items are unknown, so neither model's own value can be computed. */
function withoutValues(answer: PartialFinding<'comparison' | 'statement'>) {
  if (answer.kind === 'statement') return answer
  const { candidateValue: _candidate, referenceValue: _reference, ...rest } = answer
  return rest
}

/** The scores of candidate and baseline. Items with equal answers get the same arbitrary score. */
function scoresOf(
  item: PoolItem,
  labels: ReadonlyMap<string, Json>,
  metric: Metric,
  open: 'lost' | 'won',
): readonly [number, number] {
  if (!differs(item)) return [1, 1]
  const right = metric.direction === 'higher-is-better' ? 1 : 0
  if (!labels.has(item.row.id)) return open === 'lost' ? [1 - right, right] : [right, 1 - right]
  const row = { ...item.row, target: labels.get(item.row.id) }
  return [metric.score(row, item.candidate), metric.score(row, item.baseline)]
}

function evaluationOf(
  items: readonly PoolItem[],
  metric: Metric,
  model: string,
  scores: readonly number[],
): Evaluation {
  const digest = digestJson(model)
  const { name, direction, kind } = metric
  return {
    formatVersion: 1,
    modelDigest: digest,
    evaluationDigest: digest,
    ids: items.map(({ row }) => row.id),
    groups: items.map(({ row }) => row.group ?? row.id),
    slices: {},
    targets: items.map(() => null),
    predictions: items.map(() => null),
    outcomes: items.map(() => 'ok'),
    metrics: [{ name, direction, kind, scores, value: null }],
  }
}

/** Probabilities may differ although the answers are equal. */
const differs = ({ candidate, baseline }: PoolItem) =>
  canonicalJson(answerOf(candidate)) !== canonicalJson(answerOf(baseline))
