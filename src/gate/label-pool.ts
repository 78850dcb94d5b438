import { canonicalJson, type Digest, digestJson, type Json, SheikhError, seededRandom } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import type { Prediction, Row } from '../model/index.js'
import type { Finding } from './gate.js'
import { judgeNoRegression } from './judge.js'
import { pairGroups } from './paired-groups.js'

/** An unlabelled item, and what both models say of it. */
export interface PoolItem {
  readonly row: Omit<Row<unknown, unknown>, 'target'>
  readonly candidate: Prediction
  readonly baseline: Prediction
}

/** An item that a person is to label: blind, since neither answer says whose it is. */
export interface PoolQuestion {
  readonly id: string
  readonly input: Json
  /** Both answers, sorted; the right one may be another. */
  readonly answers: readonly Json[]
}

export interface Pool {
  readonly items: readonly PoolItem[]
  /** Covers ids and inputs. */
  readonly digest: Digest
  /** The items that the models answer differently, in an order that tells nothing. */
  readonly questions: readonly PoolQuestion[]
}

/**
 * What has to be labelled of a pool of held-out inputs: items that both models answer alike add nothing to the difference,
 * whatever their label, so only the others are asked.
 */
export function disagreementPool(items: readonly PoolItem[]): Pool {
  const digest = digestJson(items.map(({ row: { id, input } }) => ({ id, input: input as Json })))
  const questions = items.filter(differs).map(({ row, candidate, baseline }) => ({
    id: row.id,
    input: row.input as Json,
    answers: [said(candidate), said(baseline)].sort((one, other) =>
      canonicalJson(one) < canonicalJson(other) ? -1 : 1,
    ),
  }))
  return { items, digest, questions: seededRandom(`pool ${digest}`).shuffle(questions) }
}

export interface PoolVerdict {
  readonly finding: Finding
  readonly items: number
  readonly differing: number
  /** Labels that are still missing. */
  readonly unlabelled: number
}

/**
 * Whether the candidate is at most `margin` worse than the baseline on a pool of which only the disagreements are labelled:
 * the test of `noRegression`, on the same counts that all labels would give. What is not labelled yet is taken as lost for a
 * pass and as won for a fail, so that an early answer is the one that all labels would have given.
 *
 * @param metric binary, and a function of prediction and target alone.
 * @throws `invalid-options` for another metric, or a label of an item that was not asked.
 */
export function judgePool(
  { items, questions }: Pool,
  labels: ReadonlyMap<string, Json>,
  { metric, margin }: { readonly metric: Metric; readonly margin: number },
): PoolVerdict {
  if (metric.kind !== 'binary')
    throw new SheikhError(
      'invalid-options',
      `Cannot judge a pool by "${metric.name}": only of a binary metric do equal answers have equal scores. Use accuracy().`,
    )
  const asked = new Set(questions.map(({ id }) => id))
  const stranger = [...labels.keys()].find((id) => !asked.has(id))
  if (stranger !== undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot use the label of "${stranger}": it is not among the ${questions.length} items that were asked. Label those, from the same pool and run.`,
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
          reason: `${unlabelled} of ${questions.length} items that the models answer differently are not labelled yet`,
        }
  // The labels of the others are not known, so neither model's own value is.
  const { candidateValue: _candidate, referenceValue: _reference, ...rest } = answer
  const finding = {
    check: `no-regression(${metric.name})`,
    critical: true,
    against: 'baseline',
    metric: metric.name,
    kind: metric.kind,
    margin,
    ...rest,
  } as const
  return { finding, items: items.length, differing: questions.length, unlabelled }
}

/** Candidate's and baseline's score; of items that both answer alike any score will do, as long as it is the same. */
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

/** Probabilities may differ where the answer does not. */
const differs = ({ candidate, baseline }: PoolItem) => canonicalJson(said(candidate)) !== canonicalJson(said(baseline))

function said(prediction: Prediction): Json {
  switch (prediction.kind) {
    case 'label':
      return prediction.label
    case 'number':
      return prediction.value
    case 'text':
      return prediction.text
    case 'vector':
      return prediction.values
  }
}
