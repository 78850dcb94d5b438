import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy, logLoss } from '../../src/evaluation/index.js'
import { atLeast, type Evidence, noRegression, qualityGate } from '../../src/gate/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { rounds } from '../whole.js'
import { ofKind } from './of-kind.js'

// How gates elsewhere were fooled; each must not fool this one.
const context = callContext()
const noWorse = (margin = 0.02) => qualityGate([noRegression(accuracy(), { margin })])
const decide = (evidence: Evidence, margin?: number) => noWorse(margin).decide(evidence, context)
const scores = (count: number, wrong: (index: number) => boolean) =>
  Array.from({ length: count }, (_, index) => (wrong(index) ? 0 : 1))
const model = (name: string, count: number, wrong: (index: number) => boolean) =>
  evaluationOf({ model: name, scores: scores(count, wrong) })

describe('a comparison that is none', () => {
  const old = model('old', 400, () => false)

  it('of a model with itself is an error', async () => {
    await expect(decide(evidenceOf(old, old))).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })

  it('of other items is an error', async () => {
    const other = evaluationOf({
      model: 'new',
      scores: scores(400, () => false),
      ids: [...old.ids].map((id) => `${id}x`),
    })
    await expect(decide(evidenceOf(other, old))).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })

  it('of the same ids with other contents is an error', async () => {
    const edited = { ...model('new', 400, () => false), evaluationDigest: `sha256:${'0'.repeat(64)}` as const }
    await expect(decide(evidenceOf(edited, old))).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1.01, -1])('with the score %d is an error', async (score) => {
    const odd = evaluationOf({ model: 'new', scores: [...old.ids].map((_, index) => (index === 7 ? score : 1)) })
    for (const evidence of [evidenceOf(odd, old), evidenceOf(old, odd)])
      await expect(decide(evidence)).rejects.toMatchObject({ code: 'evaluation-invalid' })
    await expect(qualityGate([atLeast(accuracy(), 0)]).decide(evidenceOf(odd), context)).rejects.toMatchObject({
      code: 'evaluation-invalid',
    })
  })

  it('of an id that stands twice is an error: it would be two independent items', async () => {
    const ids = [...old.ids].map((id, index) => (index === 399 ? 'item-0000' : id))
    const [one, other] = ['new', 'old'].map((name) =>
      evaluationOf({ model: name, scores: scores(400, () => false), ids }),
    )
    await expect(decide(evidenceOf(one!, other!))).rejects.toThrow('"item-0000" appears twice')
    await expect(qualityGate([atLeast(accuracy(), 0)]).decide(evidenceOf(one!), context)).rejects.toMatchObject({
      code: 'evaluation-invalid',
    })
  })

  it('by a metric that was not scored is an error', async () => {
    const gate = qualityGate([noRegression({ ...accuracy(), name: 'exact-match' })])
    const evidence = evidenceOf(
      model('new', 400, () => false),
      old,
    )
    await expect(gate.decide(evidence, context)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('with a baseline that cannot be scored any more is inconclusive, and says so', async () => {
    const { candidate } = evidenceOf(model('new', 400, () => false))
    const baseline = { version: '0.1.0', bundle: candidate.weights.digest, unscorable: 'its weights are gone' }
    const verdict = await decide({ candidate, baseline })
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.summary).toContain('baseline-unscorable')
  })
})

describe('too little evidence', () => {
  it('ten identical items pass nothing', async () => {
    const verdict = await decide(
      evidenceOf(
        model('new', 10, () => false),
        model('old', 10, () => false),
      ),
    )
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.findings[0]).toMatchObject({ estimate: 0, groups: 10 })
    // Exact, and not a standard error of nought.
    expect(ofKind('comparison', verdict.findings[0]).lower).toBeLessThan(-0.1)
  })

  it('four items asked three times are four items', async () => {
    const groups = Array.from({ length: 12 }, (_, index) => `question-${index % 4}`)
    const repeated = (name: string, score: number) =>
      evaluationOf({ model: name, scores: groups.map(() => score), groups })
    const verdict = await decide(evidenceOf(repeated('new', 0), repeated('old', 1)))
    const [finding] = verdict.findings
    expect(finding).toMatchObject({ items: 12, groups: 4, regressions: 12 })
    // Four of four regressions: 1/16 exactly, half of it mid-p; never 1/4096.
    expect(ofKind('comparison', finding).pFail).toBeCloseTo(1 / 32, 12)
  })

  it('four wins and a tie of five pass nothing', async () => {
    const verdict = await decide(
      evidenceOf(
        model('new', 5, () => false),
        model('old', 5, (index) => index < 4),
      ),
      0.1,
    )
    expect(verdict.status).toBe('inconclusive')
  })

  it('148 identical items cannot certify two points, 149 can', async () => {
    const of = (count: number) =>
      decide(
        evidenceOf(
          model('new', count, () => false),
          model('old', count, () => false),
        ),
      )
    expect((await of(148)).status).toBe('inconclusive')
    expect((await of(149)).status).toBe('pass')
  })
})

describe('what a number means', () => {
  // 400 items; the candidate loses `lost` of those that the baseline has right.
  const losing = (lost: number) =>
    evidenceOf(
      model('new', 400, (index) => index < lost),
      model('old', 400, () => false),
    )

  it('a margin of 0.02 is two points of the metric: not two per cent of a difference, nor a ratio', async () => {
    expect((await decide(losing(0))).status).toBe('pass')
    expect((await decide(losing(8))).status).not.toBe('pass')
    expect((await decide(losing(40))).status).toBe('fail')
    for (const margin of [0, 1, 1.01, -0.02, Number.NaN])
      expect(() => noRegression(accuracy(), { margin })).toThrow(/margin/)
  })

  it('candidate and baseline are not swapped', async () => {
    const worse = model('worse', 400, (index) => index < 60)
    const better = model('better', 400, (index) => index < 10)
    const loss = await decide(evidenceOf(worse, better))
    const gain = await decide(evidenceOf(better, worse))
    expect([loss.status, gain.status]).toEqual(['fail', 'pass'])
    expect(ofKind('comparison', loss.findings[0]).estimate).toBeCloseTo(
      -ofKind('comparison', gain.findings[0]).estimate,
      12,
    )
    expect([
      ofKind('comparison', loss.findings[0]).regressions,
      ofKind('comparison', loss.findings[0]).improvements,
    ]).toEqual([
      ofKind('comparison', gain.findings[0]).improvements,
      ofKind('comparison', gain.findings[0]).regressions,
    ])
    expect(ofKind('comparison', loss.findings[0]).regressedIds).toContain('item-0010')
  })

  it('where less is better, more is a loss', async () => {
    const errors = (name: string, wrong: number) =>
      evaluationOf({
        model: name,
        metric: 'error',
        direction: 'lower-is-better',
        scores: scores(400, (index) => index >= wrong),
      })
    const metric = { ...accuracy(), name: 'error', direction: 'lower-is-better' as const }
    const gate = qualityGate([noRegression(metric)])
    expect((await gate.decide(evidenceOf(errors('new', 60), errors('old', 10)), context)).status).toBe('fail')
    expect((await gate.decide(evidenceOf(errors('new', 10), errors('old', 60)), context)).status).toBe('pass')
  })

  it('seven of ten items that go to pieces fail', async () => {
    const verdict = await decide(
      evidenceOf(
        model('new', 10, (index) => index < 7),
        model('old', 10, () => false),
      ),
    )
    expect(verdict.status).toBe('fail')
  })

  it('a time-out is no loss, and is not dropped', async () => {
    const old = model('old', 400, () => false)
    const silent = evaluationOf({ model: 'new', scores: [...old.ids].map((_, index) => (index < 40 ? null : 1)) })
    for (const gate of [noWorse(), qualityGate([atLeast(accuracy(), 0.15)])]) {
      const verdict = await gate.decide(evidenceOf(silent, old), context)
      expect(verdict.status).toBe('inconclusive')
      expect(verdict.summary).toContain('40 of 400')
    }
  })
})

describe('silence', () => {
  it('no checks at all is no gate', () => {
    expect(() => qualityGate([])).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('two checks of one name are no gate', () => {
    expect(() => qualityGate([noRegression(accuracy()), noRegression(accuracy())])).toThrow(/two checks/)
  })

  it('a metric that nothing can be said of is refused when the gate is made, not passed when it is asked', () => {
    expect(() => noRegression({ ...logLoss(), kind: 'aggregate' })).toThrow(/aggregate/)
    expect(() => atLeast(logLoss(), 0.5)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

it('whatever the evidence: no pass with a failed critical finding or without a passed one, and the same answer twice', async () => {
  const gate = qualityGate([atLeast(accuracy(), 0.5), noRegression(accuracy(), { margin: 0.1 })])
  const column = (length: number) =>
    fc.array(fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 0, max: 1 }) }, fc.constant(null)), {
      minLength: length,
      maxLength: length,
    })
  const evidence = fc.integer({ min: 1, max: 80 }).chain((length) =>
    fc.record({
      candidate: column(length),
      baseline: column(length),
      groups: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: length, maxLength: length }),
      slices: fc.array(fc.constantFrom('a', 'b', null), { minLength: length, maxLength: length }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(evidence, async ({ candidate, baseline, groups, slices }) => {
      const parts = { groups: groups.map(String), slices: { kind: slices } }
      const given = evidenceOf(
        evaluationOf({ model: 'new', scores: candidate, ...parts }),
        evaluationOf({ model: 'old', scores: baseline, ...parts }),
      )
      const verdict = await gate.decide(given, context)
      const critical = verdict.findings.filter((finding) => finding.critical)
      if (verdict.status === 'pass') {
        expect(critical.some(({ status }) => status === 'fail')).toBe(false)
        expect(critical.some(({ status }) => status === 'pass')).toBe(true)
        expect([...candidate, ...baseline]).not.toContain(null)
      }
      if (verdict.status === 'fail') expect(critical.some(({ status }) => status === 'fail')).toBe(true)
      expect(await gate.decide(given, context)).toEqual(verdict)
    }),
    { numRuns: rounds(50) },
  )
})
