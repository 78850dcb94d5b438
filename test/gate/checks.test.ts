import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy, type Metric } from '../../src/evaluation/index.js'
import { atLeast, atMost, beatsMajority, type Check, improves, noNewFailures } from '../../src/gate/index.js'
import { checkContract } from '../../src/testing/check-contract.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { ofKind } from './of-kind.js'

const context = callContext()
const scores = (count: number, wrong: (index: number) => boolean) =>
  Array.from({ length: count }, (_, index) => (wrong(index) ? 0 : 1))
const model = (name: string, count: number, wrong: (index: number) => boolean, parts = {}) =>
  evaluationOf({ model: name, scores: scores(count, wrong), ...parts })
const errors: Metric = { ...accuracy(), name: 'errors', direction: 'lower-is-better' }
const erring = (count: number, wrong: number) =>
  evaluationOf({
    model: 'new',
    metric: 'errors',
    direction: 'lower-is-better',
    scores: scores(count, (index) => index >= wrong),
  })
const answer = async (check: Check, ...evaluations: Parameters<typeof evidenceOf>) =>
  (await check.examine(evidenceOf(...evaluations), context))[0]!

for (const make of [() => improves(accuracy()), () => noNewFailures(accuracy())])
  describe(`the check ${make().name}`, () => checkContract(it, async () => make()))

describe('atMost', () => {
  it('is held by the upper bound', async () => {
    // Exactly: with no error in 59 the upper bound is 1 − 0.05^(1/59) = 4.95 %, in 58 it is 5.03 %.
    expect((await answer(atMost(errors, 0.05), erring(59, 0))).status).toBe('pass')
    expect((await answer(atMost(errors, 0.05), erring(58, 0))).status).toBe('inconclusive')
    const broken = await answer(atMost(errors, 0.05), erring(100, 20))
    expect(broken).toMatchObject({ status: 'fail', threshold: 0.05 })
    expect(broken.reason).toMatch(/at least 13\.\d %.*the ceiling is 5\.0 %/)
  })

  it('wants a metric of which less is better, atLeast one of which more is', () => {
    expect(() => atMost(accuracy(), 0.5)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    expect(() => atLeast(errors, 0.5)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    for (const ceiling of [-0.1, 1.1, Number.NaN]) expect(() => atMost(errors, ceiling)).toThrow(/between 0 and 1/)
  })
})

describe('atLeast', () => {
  it('says what guessing reaches, and warns where guessing passes', async () => {
    // Targets are a and b in turn: guessing is right half of the time.
    const of = async (floor: number) =>
      (
        await answer(
          atLeast(accuracy(), floor),
          model('new', 200, () => false),
        )
      ).reason
    expect(await of(0.15)).toMatch(/reaches 50\.0 %, so guessing passes this floor always/)
    expect(await of(0.45)).toMatch(/so guessing passes this floor \d+ times in 100/)
    expect(await of(0.7)).toMatch(/reaches 50\.0 %$/)
  })
})

describe('improves', () => {
  const better = (gained: number, lost = 0) =>
    answer(
      improves(accuracy()),
      model('new', 300, (index) => index < 40 - gained || (index >= 100 && index < 100 + lost)),
      model('old', 300, (index) => index < 40),
    )

  it('is shown by an exact test, and never by a handful', async () => {
    expect(await better(20)).toMatchObject({ status: 'pass', improvements: 20, regressions: 0 })
    // Five of five: 1/32. Four of four: 1/16.
    expect(await better(5)).toMatchObject({ status: 'pass', pPass: expect.closeTo(1 / 32, 12) })
    expect(await better(4)).toMatchObject({ status: 'inconclusive', pPass: expect.closeTo(1 / 16, 12) })
    expect((await better(0)).status).toBe('inconclusive')
    expect((await better(0, 20)).status).toBe('fail')
  })

  it('does not apply to a first release', async () => {
    expect(
      (
        await answer(
          improves(accuracy()),
          model('new', 10, () => false),
        )
      ).status,
    ).toBe('not-applicable')
  })

  it('of a mean is asked of the resampled difference', async () => {
    const metric: Metric = { ...accuracy(), name: 'quality', kind: 'mean', range: [0, 1] }
    const of = (name: string, by: number) =>
      evaluationOf({
        model: name,
        metric: 'quality',
        kind: 'mean',
        range: [0, 1],
        scores: Array.from({ length: 100 }, (_, index) => 0.5 + by * (1 + Math.sin(index))),
      })
    expect((await answer(improves(metric), of('new', 0.1), of('old', 0))).status).toBe('pass')
    expect((await answer(improves(metric), of('new', 0), of('old', 0.1))).status).toBe('fail')
    expect((await answer(improves(metric), of('new', 0.1), of('old', 0.1))).status).toBe('inconclusive')
  })
})

describe('noNewFailures', () => {
  it('lists what was right and is not, however much else was gained', async () => {
    const found = await answer(
      noNewFailures(accuracy()),
      model('new', 100, (index) => index === 7 || index === 8),
      model('old', 100, (index) => index > 50),
    )
    expect(found).toMatchObject({ status: 'fail', regressions: 2, regressedIds: ['item-0007', 'item-0008'] })
    const allowed = noNewFailures(accuracy(), { allowed: 2 })
    const [one, other] = [model('new', 100, (index) => index < 2), model('old', 100, () => false)]
    expect((await answer(allowed, one, other)).status).toBe('pass')
  })

  it('an item that was not answered leaves it open', async () => {
    const silent = evaluationOf({ model: 'new', scores: [1, null, 1] })
    expect(
      (
        await answer(
          noNewFailures(accuracy()),
          silent,
          model('old', 3, () => false),
        )
      ).status,
    ).toBe('inconclusive')
  })

  it.each([-1, 0.5, Number.NaN])('refuses %d as the number allowed', (allowed) => {
    expect(() => noNewFailures(accuracy(), { allowed })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('beatsMajority', () => {
  const ask = (scores: readonly number[], targets: readonly unknown[]) => {
    const evaluation = { ...evaluationOf({ scores, model: 'm' }), targets: targets as never }
    return beatsMajority(accuracy()).examine(evidenceOf(evaluation), callContext())
  }
  const right = (count: number, items: number) => Array.from({ length: items }, (_, index) => (index < count ? 1 : 0))
  const targets = (share: number, items: number) =>
    Array.from({ length: items }, (_, index) => (index < share * items ? 'a' : 'b'))

  it.each([
    // Clopper-Pearson, 100 items: 69 right has the lower bound 60.4 %, 68 right 59.4 %; 51 right has the upper bound 59.6 %.
    [69, 0.6, 'pass'],
    [68, 0.6, 'inconclusive'],
    [51, 0.6, 'fail'],
    // The majority model itself never passes.
    [60, 0.6, 'inconclusive'],
    [90, 0.9, 'inconclusive'],
  ])('%i of 100 right beside a majority of %f: %s', async (count, share, status) => {
    expect(await ask(right(count, 100), targets(share, 100))).toMatchObject([{ status, threshold: share }])
  })

  it('stays open if the bound reaches the share, but the items do not show the difference', async () => {
    // 252 of 500 items have one label. The model is right on 46 of them and on all 248 others: 206 lost, 248 won, p = 0.027
    // would pass; on 25 of them 227 are lost and 248 won, p = 0.18, while the lower bound of 273 of 500 is 50.8 %.
    const labels = Array.from({ length: 500 }, (_, index) => (index < 252 ? 'a' : 'b'))
    const scores = Array.from({ length: 500 }, (_, index) => +(index < 25 || index >= 252))
    const finding = ofKind('bound', (await ask(scores, labels))[0])
    expect(finding.lower).toBeGreaterThan(finding.threshold)
    expect(finding).toMatchObject({ status: 'inconclusive', reason: expect.stringContaining('item by item') })
  })

  it('stays open if a label that is nearly as frequent is not beaten item by item', async () => {
    // The model is right on all 51 of "a" and on 10 of the 50 others. Against "a" it wins 10 items and loses none; against "b" it
    // wins 51 and loses 40, p = 0.15. Which of the two is the more frequent one, 101 items cannot tell.
    const labels = Array.from({ length: 101 }, (_, index) => (index < 51 ? 'a' : 'b'))
    const finding = ofKind('bound', (await ask(right(61, 101), labels))[0])
    expect(finding.lower).toBeGreaterThan(finding.threshold)
    expect(finding).toMatchObject({ status: 'inconclusive', reason: expect.stringContaining('item by item') })
  })

  it('says when no label can be the most frequent one', async () => {
    expect(await ask(right(100, 100), targets(1, 100))).toMatchObject([{ status: 'inconclusive' }])
    expect(await ask(right(9, 10), Array(10).fill(3))).toMatchObject([{ status: 'not-applicable' }])
    expect(await ask([], [])).toMatchObject([{ status: 'inconclusive' }])
  })
})
