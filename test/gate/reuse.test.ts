import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { noRegression, planGate, qualityGate } from '../../src/gate/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { ofKind } from './of-kind.js'

const context = callContext()
const model = (name: string, from: number, to: number) =>
  evaluationOf({
    model: name,
    scores: Array.from({ length: 1000 }, (_, index) => (index >= from && index < to ? 0 : 1)),
  })
/** The new model loses and wins so many of 1,000. */
const given = ([lost, won]: readonly [number, number], evaluationCount?: number) => ({
  ...evidenceOf(model('new', won, 100 + lost), model('old', 0, 100)),
  evaluationCount,
})

describe('one evaluation set, asked again and again', () => {
  it('by default is counted, and the verdict says what the chance of a false pass has grown to', async () => {
    const gate = qualityGate([noRegression(accuracy())])
    expect((await gate.decide(given([1, 1]), context)).reuse).toBe(undefined)
    expect((await gate.decide(given([1, 1], 1), context)).reuse).toEqual({ evaluationCount: 1, falsePassChance: 0.05 })
    expect((await gate.decide(given([1, 1], 7), context)).reuse!.falsePassChance).toBeCloseTo(0.35)
    expect((await gate.decide(given([1, 1], 1000), context)).reuse!.falsePassChance).toBe(1)
  })

  it('with a limit asks more of each: what passes alone is open among fifty', async () => {
    const alone = await qualityGate([noRegression(accuracy())]).decide(given([55, 55], 1), context)
    expect(alone.status).toBe('pass')
    const among = await qualityGate([noRegression(accuracy())], { maximumEvaluations: 50 }).decide(
      given([55, 55], 1),
      context,
    )
    expect(among).toMatchObject({
      status: 'inconclusive',
      passAlpha: 0.001,
      reuse: { evaluationCount: 1, maximumEvaluations: 50, falsePassChance: 0.001 },
    })
    expect(ofKind('comparison', among.findings[0]).alpha).toBeCloseTo(0.001)
    expect(among.findings[0]!.reason).toContain('1,000 independent items')
    // The same at every use: asking again changes nothing.
    expect(
      (await qualityGate([noRegression(accuracy())], { maximumEvaluations: 50 }).decide(given([55, 55], 50), context))
        .findings,
    ).toEqual(among.findings)
  })

  it('beyond its limit decides nothing any more', async () => {
    const gate = qualityGate([noRegression(accuracy())], { maximumEvaluations: 3 })
    expect((await gate.decide(given([1, 1], 3), context)).status).toBe('pass')
    const verdict = await gate.decide(given([1, 1], 4), context)
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.summary).toContain('Pin a new set')
  })

  it('a harm is a harm at five per cent, whatever the limit', async () => {
    expect(
      (await qualityGate([noRegression(accuracy())], { maximumEvaluations: 50 }).decide(given([60, 0], 1), context))
        .status,
    ).toBe('fail')
  })

  it('costs power, and the plan says how much: gate.md, 725 items at 4 % discordance over 50 releases', () => {
    const options = { items: 725, discordance: 0.04 }
    expect(planGate(options).identical.pass).toBeCloseTo(0.83, 2)
    const strict = planGate({ ...options, maximumEvaluations: 50 })
    expect(strict.identical.pass).toBeCloseTo(0.24, 1)
    expect(strict.worseByTheMargin.pass).toBeLessThanOrEqual(0.001)
    const { pass, fail, inconclusive } = strict.identical
    expect(pass + fail + inconclusive).toBeCloseTo(1, 10)
  })

  it('takes a number of uses', () => {
    for (const uses of [0, -1, 1.5, Number.NaN, 1e9]) {
      expect(() => qualityGate([noRegression(accuracy())], { maximumEvaluations: uses })).toThrow(/candidates/)
      expect(() => planGate({ items: 100, maximumEvaluations: uses })).toThrow(/evaluations/)
    }
  })
})
