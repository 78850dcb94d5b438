import { describe, expect, it } from 'vitest'
import { callContext, digestJson, type Json, seededRandom } from '../../src/core/index.js'
import { accuracy, type Evaluation } from '../../src/evaluation/index.js'
import { disagreementPool, judgePool, noRegression, type PoolItem } from '../../src/gate/index.js'
import { evidenceOf } from '../../src/testing/evidence.js'
import { isWhole, largestShare, rounds } from '../whole.js'
import { ofKind } from './of-kind.js'

const margin = 0.05
const metric = accuracy()
const says = (label: string) => ({ kind: 'label', label }) as const

/** Three labels; the candidate's answer differs from the baseline's in a share of the items, and is worse by `drop`. */
function world(seed: string, count: number, discordance: number, drop: number) {
  const random = seededRandom(seed)
  const truth = new Map<string, Json>()
  const items = Array.from({ length: count }, (_, index): PoolItem => {
    const id = `item ${index}`
    const target = 'abc'[random.below(3)]!
    truth.set(id, target)
    const other = () => 'abc'.replace(target, '')[random.below(2)]!
    const draw = random.uniform()
    const [lost, won] = [(discordance + drop) / 2, (discordance - drop) / 2]
    const both = random.uniform() < 0.8 ? target : other()
    const [baseline, candidate] = draw < lost ? [target, other()] : draw < lost + won ? [other(), target] : [both, both]
    return { row: { id, input: `text ${index}`, slices: {} }, baseline: says(baseline), candidate: says(candidate) }
  })
  return { items, truth }
}

/** What the gate says where every item is labelled. */
async function withAllLabels(items: readonly PoolItem[], truth: ReadonlyMap<string, Json>) {
  const evaluation = (side: 'candidate' | 'baseline'): Evaluation => ({
    formatVersion: 1,
    modelDigest: digestJson(side),
    evaluationDigest: digestJson('pool'),
    ids: items.map(({ row }) => row.id),
    groups: items.map(({ row }) => row.id),
    slices: {},
    targets: items.map(({ row }) => truth.get(row.id)!),
    predictions: items.map((item) => item[side]),
    outcomes: items.map(() => 'ok'),
    metrics: [
      {
        ...metric,
        scores: items.map((item) => metric.score({ ...item.row, target: truth.get(item.row.id) }, item[side])),
        value: null,
      },
    ],
  })
  const evidence = evidenceOf(evaluation('candidate'), evaluation('baseline'))
  const [finding] = await noRegression(metric, { margin }).examine(evidence, callContext())
  return ofKind('comparison', finding)
}

const only = (ids: readonly string[], truth: ReadonlyMap<string, Json>) =>
  new Map(ids.map((id) => [id, truth.get(id)!]))

describe('labels of the disagreements alone', () => {
  it('decide as labels of all would, in every one of 300 worlds, with a fraction of the labels', async () => {
    const seen = { pass: 0, fail: 0, inconclusive: 0, 'not-applicable': 0 }
    let [labels, items] = [0, 0]
    const runs = isWhole ? 300 : 90
    for (let run = 0; run < runs; run += 1) {
      const { items: pool, truth } = world(`world ${run}`, 300, 0.1, [0, 0.03, 0.08][run % 3]!)
      const asked = disagreementPool(pool)
      const all = await withAllLabels(pool, truth)
      const { finding: judged, unlabelled } = judgePool(
        asked,
        only(
          asked.questions.map(({ id }) => id),
          truth,
        ),
        { metric, margin },
      )
      expect(unlabelled).toBe(0)
      const finding = ofKind('comparison', judged)
      const { status, pPass, pFail, lower, upper, regressions, improvements, estimate } = all
      expect(finding).toMatchObject({ status, pPass, pFail, lower, upper, regressions, improvements })
      expect(finding.estimate).toBeCloseTo(estimate, 12)
      expect(finding).not.toHaveProperty('candidateValue')
      seen[status] += 1
      labels += asked.questions.length
      items += pool.length
    }
    // Every verdict was among them, and nine labels in ten were not needed.
    expect(Math.min(seen.pass, seen.fail, seen.inconclusive)).toBeGreaterThan(runs / 15)
    expect(labels / items).toBeLessThan(0.12)
  })

  it('let a model that is worse by the margin through at most five times in a hundred', () => {
    let passes = 0
    const runs = rounds(1000)
    for (let run = 0; run < runs; run += 1) {
      const { items, truth } = world(`worse ${run}`, 200, 0.1, margin)
      const asked = disagreementPool(items)
      if (
        judgePool(
          asked,
          only(
            asked.questions.map(({ id }) => id),
            truth,
          ),
          { metric, margin },
        ).finding.status === 'pass'
      )
        passes += 1
    }
    expect(passes / runs).toBeLessThan(largestShare(runs))
  })

  it('some of them decide early only as all would', () => {
    for (let run = 0; run < (isWhole ? 60 : 12); run += 1) {
      const { items, truth } = world(`early ${run}`, 300, 0.1, [0, 0.1][run % 2]!)
      const asked = disagreementPool(items)
      const ids = asked.questions.map(({ id }) => id)
      const last = judgePool(asked, only(ids, truth), { metric, margin }).finding.status
      for (let count = 0; count < ids.length; count += 5) {
        const early = judgePool(asked, only(ids.slice(0, count), truth), { metric, margin })
        expect(early.unlabelled).toBe(ids.length - count)
        if (early.finding.status !== 'inconclusive') expect(early.finding.status).toBe(last)
      }
    }
  })

  it('are asked blind: in an order and with answers that tell nothing of whose they are', () => {
    const { items } = world('blind', 300, 0.3, 0)
    const { questions } = disagreementPool(items)
    const turned = disagreementPool(
      items.map(({ row, candidate, baseline }) => ({ row, candidate: baseline, baseline: candidate })),
    )
    expect(turned.questions).toEqual(questions)
    const numbers = questions.map(({ id }) => Number(id.slice(5)))
    expect(numbers).not.toEqual([...numbers].sort((one, other) => one - other))
    expect(Object.keys(questions[0]!)).toEqual(['id', 'input', 'answers'])
  })

  it('of an item that was not asked are an error', () => {
    const asked = disagreementPool(world('stranger', 50, 0.2, 0).items)
    expect(() => judgePool(asked, new Map([['nobody', 'a']]), { metric, margin })).toThrow(
      expect.objectContaining({ code: 'invalid-options', facts: { id: 'nobody' } }),
    )
  })

  it('are for right and wrong answers only', () => {
    const asked = disagreementPool(world('mean', 50, 0.2, 0).items)
    expect(() => judgePool(asked, new Map(), { metric: { ...metric, kind: 'mean' }, margin })).toThrow(/pool/)
  })
})
