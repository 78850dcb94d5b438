import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { selfTest } from '../../src/gate/index.js'
import { planNonInferiority } from '../../src/statistics/index.js'
import { evaluationOf } from '../../src/testing/evidence.js'
import { isWhole, rounds } from '../whole.js'

const context = callContext()
const items = 400

/** Two models of right or wrong answers; they differ on about one item in ten. */
function pair(seed = 'pair') {
  const random = seededRandom(seed)
  const old = Array.from({ length: items }, () => (random.uniform() < 0.8 ? 1 : 0))
  const changed = old.map((score) => (random.uniform() < 0.1 ? 1 - score : score))
  return {
    candidate: evaluationOf({ model: 'new', scores: changed }),
    baseline: evaluationOf({ model: 'old', scores: old }),
  }
}

describe('the gate, tested on an evaluation', () => {
  it('errs as often as the exact sums say', async () => {
    const simulations = isWhole ? 4000 : 250
    const tested = await selfTest({ ...pair(), margin: 0.05, simulations }, context)
    expect(tested.points.map(({ drop }) => Number(drop.toFixed(4)))).toEqual([0, 0.025, 0.05, 0.075, 0.1, 0.15])
    const [same] = tested.points
    const exact = planNonInferiority({ n: items, discordance: tested.discordance, margin: 0.05 })
    // Four standard errors, and the discordance that varies with the items drawn.
    const tolerance = 2 / Math.sqrt(simulations) + 0.0084
    for (const verdict of ['pass', 'fail', 'inconclusive'] as const)
      expect(Math.abs(same![verdict].rate - exact[verdict])).toBeLessThan(tolerance)
    expect(tested.falseFail.lower).toBeLessThan(0.051)
    expect(tested.falsePass.lower).toBeLessThan(0.05)
    // Power grows with the loss.
    const fails = tested.points.map(({ fail }) => fail.rate)
    expect(fails).toEqual([...fails].sort((one, other) => one - other))
    expect(fails.at(-1)).toBeGreaterThan(0.99)
  })

  it('gives the same rates for the same seed, and others for another', async () => {
    const run = async (seed: number) => selfTest({ ...pair(), simulations: rounds(800), drops: [0.1], seed }, context)
    const first = await run(1)
    expect(await run(1)).toEqual(first)
    expect((await run(2)).points).not.toEqual(first.points)
  })

  it('of scores that are no right or wrong, too', async () => {
    const random = seededRandom('means')
    const old = Array.from({ length: 120 }, () => random.normal())
    const scores = (values: readonly number[], model: string) =>
      evaluationOf({ model, metric: 'score', kind: 'mean', scores: values })
    const tested = await selfTest(
      {
        candidate: scores(
          old.map((value) => value + 0.3 * random.normal()),
          'new',
        ),
        baseline: scores(old, 'old'),
        margin: 0.1,
        drops: [0.3],
        simulations: 100,
      },
      context,
    )
    expect(tested.points.map(({ drop }) => drop)).toEqual([0, 0.1, 0.3])
    expect(tested.falseFail.lower).toBeLessThan(0.051)
    expect(tested.falsePass.lower).toBeLessThan(0.05)
    expect(tested.points[2]!.fail.rate).toBeGreaterThan(0.9)
  })

  it('says how far it is, and stops when it is told to', async () => {
    const seen: number[] = []
    await selfTest({ ...pair(), simulations: 100, drops: [0], onProgress: (done) => seen.push(done) }, context)
    expect(seen).toEqual([0, 50, 100, 150])
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(selfTest({ ...pair(), simulations: 100 }, callContext({ signal }))).rejects.toBe(reason)
  })

  it.each([
    ['ten simulations', { simulations: 10 }],
    ['a margin of nothing', { margin: 0 }],
    ['a loss of more than there is', { drops: [0.95] }],
    ['a loss that is a gain', { drops: [-0.1] }],
    ['a loss that is no number', { drops: [Number.NaN] }],
  ])('refuses %s', async (_, wrong) => {
    await expect(selfTest({ ...pair(), ...wrong }, context)).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('refuses a model against itself, and a metric that was not scored', async () => {
    const { candidate } = pair()
    await expect(selfTest({ candidate, baseline: candidate }, context)).rejects.toMatchObject({
      code: 'baseline-mismatch',
    })
    await expect(selfTest({ ...pair(), metric: 'other' }, context)).rejects.toMatchObject({
      code: 'evaluation-invalid',
    })
  })
})
