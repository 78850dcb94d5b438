import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy, type Metric } from '../../src/evaluation/index.js'
import { atLeast, improves, noRegression, qualityGate } from '../../src/gate/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'

// What a candidate is compared with, on which slices, and by whose scores.
const context = callContext()
const scores = (count: number, wrong: (index: number) => boolean) =>
  Array.from({ length: count }, (_, index) => (wrong(index) ? 0 : 1))
const model = (name: string, count: number, wrong: (index: number) => boolean, parts = {}) =>
  evaluationOf({ model: name, scores: scores(count, wrong), ...parts })
const all = () => false

describe('the scores that are judged', () => {
  const gate = qualityGate([noRegression(accuracy())])
  const refused = { code: 'evaluation-invalid' }

  it('are of the metric that was asked: of the other direction, or another kind, they are an error', async () => {
    const turned = model('new', 400, () => true, { direction: 'lower-is-better' })
    const old = model('old', 400, all)
    await expect(gate.decide(evidenceOf(turned, old), context)).rejects.toMatchObject(refused)
    await expect(gate.decide(evidenceOf(old, turned), context)).rejects.toMatchObject(refused)
    const counted = evaluationOf({ model: 'new', kind: 'mean', scores: [...old.ids].map(() => 3) })
    for (const check of [atLeast(accuracy(), 0.5), noRegression(accuracy())])
      await expect(qualityGate([check]).decide(evidenceOf(counted, old), context)).rejects.toMatchObject(refused)
  })

  it('of a ratio have a weight each', async () => {
    const ratio: Metric = { ...accuracy(), kind: 'ratio', weight: () => 2 }
    const of = (name: string, weight: (index: number) => number | null) =>
      model(name, 400, (index) => index % 3 === 0, {
        kind: 'ratio',
        weights: Array.from({ length: 400 }, (_, index) => weight(index)),
      })
    const silent = of('new', (index) => (index === 7 ? null : 2))
    const evidence = evidenceOf(
      silent,
      of('old', () => 2),
    )
    await expect(qualityGate([noRegression(ratio)]).decide(evidence, context)).rejects.toMatchObject(refused)
  })

  it('are of one metric by each name', () => {
    const mean: Metric = { ...accuracy(), kind: 'mean' }
    expect(() => qualityGate([atLeast(accuracy(), 0.5), noRegression(mean)])).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
    expect(() => qualityGate([atLeast(accuracy(), 0.5), noRegression(accuracy())])).not.toThrow()
  })
})

describe('repeats', () => {
  it('of four items that all improve are 1/16, not 1/4096', async () => {
    const groups = Array.from({ length: 12 }, (_, index) => `question-${index % 4}`)
    const evidence = evidenceOf(
      model('new', 12, all, { groups }),
      model('old', 12, () => true, { groups }),
    )
    const verdict = await qualityGate([improves(accuracy())]).decide(evidence, context)
    expect(verdict.findings[0]).toMatchObject({
      items: 12,
      groups: 4,
      improvements: 12,
      pPass: expect.closeTo(1 / 16, 12),
    })
    expect(verdict.status).toBe('inconclusive')
  })
})

describe('slices', () => {
  // The last 40 of 1000 are another language, and the candidate loses half of them.
  const slices = { language: Array.from({ length: 1000 }, (_, index) => (index < 960 ? 'en' : 'de')) }
  const old = model('old', 1000, all, { slices })
  const decide = (wrong: (index: number) => boolean, requiredSlices: readonly string[] = []) =>
    qualityGate([noRegression(accuracy(), { margin: 0.05, requiredSlices })]).decide(
      evidenceOf(model('new', 1000, wrong, { slices }), old),
      context,
    )

  it('that goes to pieces fails a release that is fine over all', async () => {
    const verdict = await decide((index) => index >= 980)
    expect(verdict.findings[0]!.status).toBe('pass')
    expect(verdict.status).toBe('fail')
    expect(verdict.summary).toContain('on language=de')
  })

  it('that is small holds nothing, unless it is required', async () => {
    expect((await decide(all)).status).toBe('pass')
    const verdict = await decide(all, ['language=de'])
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.summary).toContain('language=de')
    expect((await decide(all, ['language=en'])).status).toBe('pass')
  })

  it('that is required and not there holds', async () => {
    const verdict = await decide(all, ['language=fr'])
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.summary).toContain('the slice is required but has no items')
  })
})

describe('the best release', () => {
  const { candidate, baseline } = evidenceOf(
    model('new', 400, (index) => index < 4),
    model('old', 400, (index) => index < 4),
  )
  const gate = qualityGate([noRegression(accuracy())])

  it('is asked as well as the released one, and one finding says which', async () => {
    const best = { ...baseline!, version: '0.0.9', evaluation: model('best', 400, all) }
    const { findings } = await gate.decide({ candidate, baseline, best }, context)
    expect(findings.map(({ against, againstVersion }) => [against, againstVersion])).toEqual([
      ['baseline', '0.1.0'],
      ['best', '0.0.9'],
    ])
  })

  it('is not asked where it is the released one', async () => {
    expect((await gate.decide({ candidate, baseline }, context)).findings).toHaveLength(1)
  })

  it('that cannot be scored any more leaves it open, though the released one is matched', async () => {
    const best = { version: '0.0.9', bundle: baseline!.bundle, unscorable: 'its weights are gone' }
    const verdict = await gate.decide({ candidate, baseline, best }, context)
    expect(verdict.findings.map(({ status }) => status)).toEqual(['pass', 'inconclusive'])
    expect(verdict.status).toBe('inconclusive')
  })
})
