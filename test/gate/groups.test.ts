import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { accuracy, type Metric } from '../../src/evaluation/index.js'
import { atLeast, improves, noRegression, qualityGate, selfTest } from '../../src/gate/index.js'
import { reportComparisonHtml } from '../../src/report/run/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { isWhole, largestShare, rounds } from '../whole.js'
import { ofKind } from './of-kind.js'

// Items that are not independent: groups of right or wrong answers, and groups of scores.
const context = callContext()
const groupsOf = (sizes: readonly number[]) => sizes.flatMap((size, group) => Array<string>(size).fill(`g${group}`))
const equal = (groups: number, size: number) => Array<number>(groups).fill(size)

function evidence(
  sizes: readonly number[],
  old: (item: number, group: number) => number,
  now: (item: number, group: number) => number,
) {
  const groups = groupsOf(sizes)
  const scores = (score: typeof old) => groups.map((name, item) => score(item, Number(name.slice(1))))
  return evidenceOf(
    evaluationOf({ model: 'new', scores: scores(now), groups }),
    evaluationOf({ model: 'old', scores: scores(old), groups }),
  )
}

const regression = qualityGate([noRegression(accuracy())])
const overall = async (...parts: Parameters<typeof evidence>) =>
  ofKind('comparison', (await regression.decide(evidence(...parts), context)).findings[0])

describe('right or wrong answers in groups', () => {
  const right = (item: number) => (item % 5 === 0 ? 0 : 1)

  it('with one improvement pass, with 200 losses of 2,000 fail, and the counts are those of items', async () => {
    const better = await overall(equal(400, 5), right, (item) => (item === 0 ? 1 : right(item)))
    expect(better).toMatchObject({ status: 'pass', items: 2000, groups: 400, regressions: 0, improvements: 1 })
    expect(better.reason).toContain('over 2,000 items in 400 groups (0 regressions and 1 improvement)')
    const worse = await overall(equal(400, 5), right, (item) => (item % 10 === 1 ? 0 : right(item)))
    expect(worse).toMatchObject({ status: 'fail', regressions: 200, improvements: 0 })
    expect(worse.estimate).toBeCloseTo(-0.1, 12)
  })

  it('count by item, not by group: a loss that sits in the large groups is as large as it is', async () => {
    // 20 groups of 60 lose a tenth of their items, 400 groups of 2 lose none.
    const sizes = [...equal(20, 60), ...equal(400, 2)]
    const finding = await overall(
      sizes,
      () => 1,
      (item, group) => (group < 20 && item % 10 === 0 ? 0 : 1),
    )
    expect(finding.estimate).toBeCloseTo(-120 / 2000, 12)
    expect(finding.status).toBe('fail')
  })

  it('148 groups without a loss cannot certify two points, 149 can, whatever their size', async () => {
    for (const [count, status] of [
      [148, 'inconclusive'],
      [149, 'pass'],
    ] as const) {
      const finding = await overall(equal(count, 4), right, right)
      expect(finding.status).toBe(status)
    }
    const finding = await overall([...equal(100, 4), ...equal(20, 7)], right, right)
    expect(finding.status).toBe('inconclusive')
    expect(finding.reason).toMatch(/too few for this margin: even without any regression, \d+ groups are needed/)
    expect(finding.groupsNeeded).toBeGreaterThan(149)
  })

  it('of which one group has a third say so and pass nothing', async () => {
    const finding = await overall([1000, ...equal(400, 5)], right, right)
    expect(finding.status).toBe('inconclusive')
  })

  it('of groups of one are judged by the exact tests, whatever the groups are called', async () => {
    const grouped = await overall(equal(300, 1), right, (item) => (item < 4 ? 0 : right(item)))
    const scores = (lost: number) => Array.from({ length: 300 }, (_, item) => (item < lost ? 0 : right(item)))
    const verdict = await regression.decide(
      evidenceOf(evaluationOf({ model: 'new', scores: scores(4) }), evaluationOf({ model: 'old', scores: scores(0) })),
      context,
    )
    expect(grouped).toEqual(verdict.findings[0])
    expect(grouped.engine).toContain('Tango')
  })

  it('have a floor with a usable bound, and improve', async () => {
    const sizes = equal(33, 12)
    const random = seededRandom('floor')
    const scores = groupsOf(sizes).map(() => (random.uniform() < 0.62 ? 1 : 0))
    const given = evidence(
      sizes,
      () => 0,
      (item) => scores[item]!,
    )
    const floor = ofKind('bound', (await qualityGate([atLeast(accuracy(), 0.5)]).decide(given, context)).findings[0])
    expect(floor).toMatchObject({ status: 'pass', items: 396, groups: 33, engine: "Gaffke's bound by group" })
    expect(floor.lower).toBeGreaterThan(0.5)
    expect(floor.upper).toBeLessThan(0.72)
    const [gain] = (await qualityGate([improves(accuracy())]).decide(given, context)).findings
    expect(gain!.status).toBe('pass')
    expect(reportComparisonHtml(await regression.decide(given, context), { title: 'groups' })).toContain(
      '396 items in 33 groups',
    )
  })

  it('leave the self-test something to decide', async () => {
    const random = seededRandom('self-test groups')
    const old = groupsOf(equal(300, 5)).map(() => (random.uniform() < 0.8 ? 1 : 0))
    const groups = groupsOf(equal(300, 5))
    const now = old.map((score) => (random.uniform() < 0.04 ? 1 - score : score))
    const tested = await selfTest(
      {
        candidate: evaluationOf({ model: 'new', scores: now, groups }),
        baseline: evaluationOf({ model: 'old', scores: old, groups }),
        // The least that a self-test takes.
        simulations: isWhole ? 400 : 100,
      },
      context,
    )
    expect(tested).toMatchObject({ items: 1500, groups: 300 })
    expect(tested.falseFail.lower).toBeLessThan(0.05)
    expect(tested.falsePass.lower).toBeLessThan(0.05)
    expect(tested.points[0]!.pass.rate).toBeGreaterThan(0.5)
    expect(tested.points.at(-1)!.fail.rate).toBeGreaterThan(0.5)
  })
})

describe('scores without a range', () => {
  const quality: Metric = { ...accuracy(), name: 'quality', kind: 'mean', range: undefined }
  const decide = async (now: readonly number[], old: readonly number[], margin = 0.02) => {
    const of = (model: string, scores: readonly number[]) =>
      evaluationOf({ model, metric: 'quality', kind: 'mean', scores })
    const gate = qualityGate([noRegression(quality, { margin })])
    return (await gate.decide(evidenceOf(of('new', now), of('old', old)), context)).findings[0]!
  }

  it('that may collapse on an item in fifty do not pass for want of having seen it', async () => {
    const random = seededRandom('collapse')
    let [passed, failed] = [0, 0]
    const count = rounds(300)
    for (let round = 0; round < count; round += 1) {
      const n = 20 + random.below(80)
      const one = Array.from({ length: n }, () => 0.98 + random.uniform() / 100)
      const other = one.map((score) => (random.uniform() < 0.0203 ? 0 : score + (random.uniform() - 0.5) / 250))
      if ((await decide(other, one)).status === 'pass') passed += 1
      // Mirrored: the baseline collapses, and the candidate is as much worse on all others.
      const lower = one.map((score) => score - 0.02)
      if ((await decide(lower, other)).status === 'fail') failed += 1
    }
    expect(passed / count).toBeLessThan(largestShare(count))
    expect(failed / count).toBeLessThan(largestShare(count))
  })

  it('whose losses are log-normal pass at the margin as rarely as promised', async () => {
    const random = seededRandom('log-normal')
    const count = rounds(400)
    for (const n of [20, 50, 100]) {
      let passed = 0
      for (let round = 0; round < count; round += 1) {
        const losses = Array.from({ length: n }, () => 0.02 * Math.exp(2 * random.normal() - 2))
        const finding = await decide(
          losses.map((loss) => 10 - loss),
          Array<number>(n).fill(10),
        )
        if (finding.status === 'pass') passed += 1
      }
      expect(passed / count, `${n} items`).toBeLessThan(largestShare(count))
    }
  })

  it('say what they lack', async () => {
    const random = seededRandom('no range')
    const old = Array.from({ length: 60 }, () => random.uniform())
    const finding = await decide(
      old.map((score) => score + 0.01 * (random.uniform() - 0.5)),
      old,
    )
    expect(finding.status).toBe('inconclusive')
    expect(finding.reason).toContain('has no range')
    expect(ofKind('comparison', finding).engine).toContain('range estimated from the scores')
  })
})
