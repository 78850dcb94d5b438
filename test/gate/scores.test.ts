import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { accuracy, f1, logLoss, type Metric } from '../../src/evaluation/index.js'
import { noRegression, qualityGate } from '../../src/gate/index.js'
import { reportComparison } from '../../src/report/run/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { largestShare, rounds } from '../whole.js'
import { ofKind } from './of-kind.js'

// Metrics that are not right or wrong: means and ratios of sums.
const context = callContext()
const quality: Metric = { ...accuracy(), name: 'quality', kind: 'mean', range: [0, 1] }
const random = seededRandom('scores')
const items = 400
const noise = Array.from({ length: items }, () => 0.5 + 0.2 * (random.uniform() - 0.5))
const jitter = Array.from({ length: items }, () => 0.1 * (random.uniform() - 0.5))

type Parts = Omit<Parameters<typeof evaluationOf>[0], 'model' | 'scores'>
const evaluation = (model: string, scores: readonly (number | null)[], parts: Parts = {}) =>
  evaluationOf({ metric: 'quality', kind: 'mean', range: [0, 1], ...parts, model, scores })
const moved = (by: number) => noise.map((value, index) => value + jitter[index]! + by)
const decide = (candidate: readonly (number | null)[], baseline: readonly (number | null)[], parts: Parts = {}) =>
  qualityGate([noRegression(quality)]).decide(
    evidenceOf(evaluation('new', candidate, parts), evaluation('old', baseline, parts)),
    context,
  )

describe('a mean of scores', () => {
  it('within the margin passes, clearly worse fails, and names what it was judged by', async () => {
    const same = await decide(moved(0), noise)
    expect(same.status).toBe('pass')
    expect(same.findings[0]).toMatchObject({
      engine: "Gaffke's bound by group",
      groups: items,
    })
    expect(ofKind('comparison', same.findings[0]).lower).toBeGreaterThan(-0.02)
    const worse = await decide(moved(-0.05), noise)
    expect(worse.status).toBe('fail')
    expect(ofKind('comparison', worse.findings[0]).pFail).toBeLessThan(0.001)
    expect((await decide(moved(-0.02), noise)).status).not.toBe('pass')
  })

  it('of which less is better is turned round', async () => {
    const metric: Metric = { ...quality, direction: 'lower-is-better' }
    const parts = { direction: 'lower-is-better' as const }
    const gate = qualityGate([noRegression(metric)])
    const of = async (by: number) =>
      await gate.decide(evidenceOf(evaluation('new', moved(by), parts), evaluation('old', noise, parts)), context)
    expect((await of(-0.05)).status).toBe('pass')
    const worse = await of(0.05)
    expect(worse.status).toBe('fail')
    expect(ofKind('comparison', worse.findings[0]).estimate).toBeLessThan(0)
  })

  it('of seven spikes in ten fails, though the other three are fine', async () => {
    const spiked = noise.map((value, index) => (index % 10 < 7 ? value / 100 : value))
    expect((await decide(spiked, noise)).status).toBe('fail')
  })

  it('of few items is open, however alike they are', async () => {
    for (const count of [1, 5, 19]) {
      const verdict = await decide(moved(0).slice(0, count), noise.slice(0, count))
      expect(verdict.status).toBe('inconclusive')
      expect(verdict.summary).toContain('too few')
    }
  })

  it('repeated items are one each', async () => {
    const groups = Array.from({ length: items }, (_, index) => `question-${index % 4}`)
    const verdict = await decide(moved(0), noise, { groups })
    expect(verdict.findings[0]).toMatchObject({ groups: 4, status: 'inconclusive' })
  })

  it('an answer that did not come leaves it open', async () => {
    const silent = moved(0).map((value, index) => (index === 3 ? null : value))
    expect((await decide(silent, noise)).status).toBe('inconclusive')
  })

  it.each([Number.NaN, Number.NEGATIVE_INFINITY])('a score of %d is an error', async (score) => {
    const odd = noise.map((value, index) => (index === 3 ? score : value))
    await expect(decide(odd, noise)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('is the same each time', async () => {
    expect(await decide(moved(-0.01), noise)).toEqual(await decide(moved(-0.01), noise))
  })

  it('is reported in its own unit, not in points', async () => {
    const report = reportComparison(await decide(moved(-0.05), noise))
    expect(report).toMatch(/\| −0\.0\d+ \|/)
    expect(report).not.toContain('points')
  })
})

describe('where every item differs by the same', () => {
  it('the width is not nought: the range says how far others may differ', async () => {
    // Exactly: at 148 items 0.05^(1/148)·1 − 1 is below −0.02, at 149 above.
    for (const [count, status] of [
      [148, 'inconclusive'],
      [149, 'pass'],
    ] as const) {
      const verdict = await decide(noise.slice(0, count), noise.slice(0, count))
      expect(verdict.status).toBe(status)
      expect(ofKind('comparison', verdict.findings[0]).lower).toBeCloseTo(0.05 ** (1 / count) - 1, 10)
    }
  })

  it('rounding does not make them differ', async () => {
    const verdict = await decide(
      noise.slice(0, 100).map((value) => value + 0.001),
      noise.slice(0, 100),
    )
    expect(verdict.status).toBe('inconclusive')
    expect(ofKind('comparison', verdict.findings[0]).lower).toBeLessThan(-0.02)
  })

  it('and without a range nothing passes', async () => {
    const gate = qualityGate([noRegression({ ...quality, range: undefined })])
    const parts = { range: undefined }
    const verdict = await gate.decide(
      evidenceOf(evaluation('new', noise, parts), evaluation('old', noise, parts)),
      context,
    )
    expect(verdict.status).toBe('inconclusive')
  })

  it('but all worse by the same is worse', async () => {
    expect(
      (
        await decide(
          noise.map((value) => value - 0.25),
          noise,
        )
      ).status,
    ).toBe('fail')
  })
})

describe('a ratio of sums', () => {
  // F1 as sums: 2·hit over said + has.
  const of = (model: string, misses: number) => {
    const hits = Array.from({ length: items }, (_, index) => (index % 100 < misses ? 0 : 2))
    return evaluationOf({
      model,
      metric: 'f1(a)',
      kind: 'ratio',
      scores: hits,
      weights: hits.map((hit) => (hit === 0 ? 1 : 2)),
    })
  }

  it('is resampled with both its parts', async () => {
    const gate = qualityGate([noRegression(f1('a'), { margin: 0.05 })])
    const same = await gate.decide(evidenceOf(of('new', 10), of('old', 11)), context)
    expect(same.status).toBe('pass')
    expect(ofKind('comparison', same.findings[0]).engine).toContain('BCa bootstrap by group')
    expect(ofKind('comparison', same.findings[0]).referenceValue).toBeCloseTo((2 * 356) / (2 * 356 + 44), 12)
    expect((await gate.decide(evidenceOf(of('new', 40), of('old', 5)), context)).status).toBe('fail')
  })

  it('without a denominator is open', async () => {
    const none = (model: string) =>
      evaluationOf({ model, metric: 'f1(a)', kind: 'ratio', scores: Array(50).fill(0), weights: Array(50).fill(0) })
    const verdict = await qualityGate([noRegression(f1('a'))]).decide(evidenceOf(none('new'), none('old')), context)
    expect(verdict.status).toBe('inconclusive')
  })

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('a weight of %d is an error', async (weight) => {
    const odd = evaluationOf({ model: 'new', metric: 'f1(a)', kind: 'ratio', scores: [1, 1], weights: [1, weight] })
    const fine = evaluationOf({ model: 'old', metric: 'f1(a)', kind: 'ratio', scores: [1, 1], weights: [1, 1] })
    const gate = qualityGate([noRegression(f1('a'))])
    await expect(gate.decide(evidenceOf(odd, fine), context)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })
})

it('log loss takes a margin in nats, and an aggregate none', () => {
  expect(() => noRegression(logLoss(), { margin: 1.5 })).not.toThrow()
  expect(() => noRegression(logLoss(), { margin: Number.POSITIVE_INFINITY })).toThrow(/margin/)
  expect(() => noRegression(accuracy(), { margin: 1.5 })).toThrow(/margin/)
})

it('a mean that is worse by the margin passes no more often than it says, and an equal one fails none', async () => {
  // Comparisons of 60 skewed differences.
  const draws = seededRandom('calibration')
  const count = 60
  const comparisons = rounds(300)
  let passed = 0
  let failed = 0
  for (let round = 0; round < comparisons; round += 1) {
    const skewed = Array.from({ length: count }, () => 0.1 * (-Math.log(1 - draws.uniform()) - 1))
    const base = Array(count).fill(0.5)
    const compare = (by: number) =>
      qualityGate([noRegression(quality, { margin: 0.02 })]).decide(
        evidenceOf(
          evaluation(
            'new',
            skewed.map((value) => 0.5 + value + by),
          ),
          evaluation('old', base),
        ),
        context,
      )
    if ((await compare(-0.02)).status === 'pass') passed += 1
    if ((await compare(0)).status === 'fail') failed += 1
  }
  expect(
    [passed, failed].every((count) => count / comparisons < largestShare(comparisons)),
    `${passed} passed, ${failed} failed`,
  ).toBe(true)
}, 120_000)

it('a log loss needs thousands of items, and hundreds if it is clipped', async () => {
  const judged = async (metric: Metric, margin: number, count: number) => {
    const scores = Array.from({ length: count }, (_, index) => 0.1 + (index % 2) / 10)
    const parts = { metric: metric.name, direction: metric.direction, range: metric.range, kind: metric.kind } as const
    const verdict = await qualityGate([noRegression(metric, { margin })]).decide(
      evidenceOf(evaluation('new', scores, parts), evaluation('old', scores, parts)),
      context,
    )
    return verdict.status
  }
  expect(await judged(logLoss(), 0.02, 5397)).toBe('inconclusive')
  expect(await judged(logLoss(), 0.02, 5398)).toBe('pass')
  expect(await judged(logLoss({ clip: 0.05 }), 0.02, 447)).toBe('inconclusive')
  expect(await judged(logLoss({ clip: 0.05 }), 0.02, 448)).toBe('pass')
  expect(await judged(logLoss({ clip: 0.05 }), 0.05, 178)).toBe('pass')
})

it('a clipped log loss takes no probability below the clip', () => {
  const metric = logLoss({ clip: 0.01 })
  const score = (a: number) =>
    metric.score(
      { id: 'x', input: 'x', target: 'a', slices: {} },
      { kind: 'label', label: 'b', probabilities: { a, b: 1 - a } },
    )
  expect(score(0)).toBeCloseTo(-Math.log(0.01), 12)
  expect(score(0.2)).toBeCloseTo(-Math.log(0.2), 12)
  expect(metric.range).toEqual([0, -Math.log(0.01)])
  expect(metric.describe()).toEqual({ clip: 0.01 })
  for (const clip of [0, 1, -0.1, Number.NaN]) expect(() => logLoss({ clip })).toThrow(/clip/)
})
