import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy, type Evaluation } from '../../src/evaluation/index.js'
import { atLeast, type Check, improves, noRegression, qualityGate } from '../../src/gate/index.js'
import { exactNonInferiority } from '../../src/statistics/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { ofKind } from './of-kind.js'

// Rules that gates are made of elsewhere, each as it is usually written, and a case that it gets wrong and ours does not.
const context = callContext()
const margin = 0.02
const model = (name: string, scores: readonly number[], groups?: readonly string[]) =>
  evaluationOf({ model: name, scores, groups })
const wrongOn = (count: number, wrong: (index: number) => boolean) =>
  Array.from({ length: count }, (_, index) => (wrong(index) ? 0 : 1))
const value = ({ metrics: [metric] }: Evaluation) => {
  const scores = [...metric!.scores]
  return scores.reduce<number>((sum, score) => sum + score!, 0) / scores.length
}
const decide = async (check: Check, candidate: Evaluation, baseline?: Evaluation) =>
  (await qualityGate([check]).decide(evidenceOf(candidate, baseline), context)).status

const pointCheck = (candidate: number, baseline: number) => candidate >= baseline - margin

describe('a rule that is often written', () => {
  it('"candidate ≥ baseline" holds back half of the models that are as good', async () => {
    const naive = (candidate: number, baseline: number) => candidate >= baseline
    // 2,000 items; 20 lost and 19 won by chance.
    const old = model(
      'old',
      wrongOn(2000, (index) => index < 200),
    )
    const same = model(
      'new',
      wrongOn(2000, (index) => index >= 19 && index < 220),
    )
    expect(naive(value(same), value(old))).toBe(false)
    expect(await decide(noRegression(accuracy(), { margin }), same, old)).toBe('pass')
  })

  it('a relative threshold of 1.01 that divides the difference asks for 101 % more', async () => {
    const naive = (candidate: number, baseline: number) => (candidate - baseline) / baseline >= 1.01
    const old = model(
      'old',
      wrongOn(1000, (index) => index < 100),
    )
    const better = model(
      'new',
      wrongOn(1000, (index) => index < 50),
    )
    expect(naive(value(better), value(old))).toBe(false)
    expect(await decide(noRegression(accuracy(), { margin }), better, old)).toBe('pass')
  })

  it('"fail if it is smaller" passes what is not a number', async () => {
    const naive = (candidate: number, baseline: number) => !(candidate < baseline - margin)
    const old = model(
      'old',
      wrongOn(400, () => false),
    )
    const broken = model('new', [Number.NaN, ...wrongOn(399, () => false)])
    expect(naive(value(broken), value(old))).toBe(true)
    await expect(decide(noRegression(accuracy()), broken, old)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('any comparison passes a model against itself', async () => {
    const old = model(
      'old',
      wrongOn(400, (index) => index < 40),
    )
    expect(pointCheck(value(old), value(old))).toBe(true)
    await expect(decide(noRegression(accuracy()), old, old)).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })

  it('a standard error of nought passes ten items that are alike', async () => {
    const naive = (differences: readonly number[]) => {
      const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length
      const variance = differences.reduce((sum, difference) => sum + (difference - mean) ** 2, 0) / differences.length
      return mean - 1.645 * Math.sqrt(variance / differences.length) > -margin
    }
    expect(naive(Array(10).fill(0))).toBe(true)
    const [old, same] = [
      model(
        'old',
        wrongOn(10, () => false),
      ),
      model(
        'new',
        wrongOn(10, () => false),
      ),
    ]
    expect(await decide(noRegression(accuracy(), { margin }), same, old)).toBe('inconclusive')
  })

  it('"every check passed" passes without any check', () => {
    const naive = (checks: readonly Check[]) => checks.every(() => false)
    expect(naive([])).toBe(true)
    expect(() => qualityGate([])).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('pooling three repeats of four items claims 1 in 4,096 where 1 in 16 is true', async () => {
    const naive = (wins: number) => 0.5 ** wins <= 0.05
    expect(naive(12)).toBe(true)
    const groups = Array.from({ length: 12 }, (_, index) => `item ${Math.floor(index / 3)}`)
    const ids = groups.map((group, index) => `${group} run ${index % 3}`)
    const repeated = (name: string, score: number) => ({ ...model(name, Array(12).fill(score), groups), ids })
    expect(await decide(improves(accuracy()), repeated('new', 1), repeated('old', 0))).toBe('inconclusive')
    const [finding] = await improves(accuracy()).examine(evidenceOf(repeated('new', 1), repeated('old', 0)), context)
    expect(ofKind('comparison', finding).pPass).toBeCloseTo(1 / 16, 12)
  })

  it('the exact test alone passes four wins and a tie', async () => {
    expect(exactNonInferiority({ b: 0, c: 4, n: 5, margin })).toBeLessThanOrEqual(0.05)
    const [old, lucky] = [model('old', [0, 0, 0, 0, 1]), model('new', [1, 1, 1, 1, 1])]
    expect(await decide(noRegression(accuracy(), { margin }), lucky, old)).toBe('inconclusive')
  })

  it('an unpaired rank test with a tolerance passes seven of ten items that go to pieces', async () => {
    // The lower 98 % limit of the shift between two samples of ten: the 20th smallest of all differences (Mann-Whitney, U ≤ 19).
    const naive = (candidate: readonly number[], baseline: readonly number[]) => {
      const differences = candidate
        .flatMap((one) => baseline.map((other) => one - other))
        .sort((one, other) => one - other)
      const mean = baseline.reduce((sum, one) => sum + one, 0) / baseline.length
      return !(differences[19]! > 0.25 * mean)
    }
    const errors = wrongOn(10, (index) => index >= 7)
    expect(
      naive(
        errors.map((spike) => (spike === 1 ? 100 : 1)),
        Array(10).fill(1),
      ),
    ).toBe(true)
    const ruined = model(
      'new',
      errors.map((spike) => 1 - spike),
    )
    expect(
      await decide(
        noRegression(accuracy(), { margin }),
        ruined,
        model(
          'old',
          wrongOn(10, () => false),
        ),
      ),
    ).toBe('fail')
  })

  it('a comparison the wrong way round passes a total loss', async () => {
    const naive = (candidate: number, baseline: number) => baseline >= candidate - margin
    const [old, ruined] = [
      model(
        'old',
        wrongOn(400, () => false),
      ),
      model(
        'new',
        wrongOn(400, () => true),
      ),
    ]
    expect(naive(value(ruined), value(old))).toBe(true)
    expect(await decide(noRegression(accuracy(), { margin }), ruined, old)).toBe('fail')
  })

  it('a comparison with the last release alone passes five losses of 1.9 points, one after the other', async () => {
    const count = 20_000
    const models = Array.from({ length: 6 }, (_, step) =>
      model(
        `release ${step}`,
        wrongOn(count, (index) => index < 0.019 * step * count),
      ),
    )
    const best = models[0]!
    for (const [step, next] of models.slice(1).entries()) {
      expect(pointCheck(value(next), value(models[step]!))).toBe(true)
      const evidence = evidenceOf(next, models[step]!)
      const bundle = evidence.candidate.weights.digest
      const reference = step === 0 ? {} : { best: { version: '0.1.0', bundle, evaluation: best } }
      const { status } = await qualityGate([noRegression(accuracy(), { margin })]).decide(
        { ...evidence, ...reference },
        context,
      )
      if (step > 0) expect(status).toBe('fail')
    }
  })

  it('a floor of 15 % by the estimate passes a model that guesses among ten', async () => {
    const guesses = model(
      'new',
      wrongOn(20, (index) => index >= 3),
    )
    expect(value(guesses) >= 0.15).toBe(true)
    expect(await decide(atLeast(accuracy(), 0.15), guesses)).toBe('inconclusive')
  })

  it('an average over all items passes a slice that is lost', async () => {
    const slices = { kind: Array.from({ length: 4000 }, (_, index) => (index < 60 ? 'rare' : 'common')) }
    const old = evaluationOf({ model: 'old', scores: wrongOn(4000, () => false), slices })
    const partly = evaluationOf({ model: 'new', scores: wrongOn(4000, (index) => index < 50), slices })
    expect(pointCheck(value(partly), value(old))).toBe(true)
    expect(await decide(noRegression(accuracy(), { margin }), partly, old)).toBe('fail')
  })

  it('a time-out that counts as a loss fails a model for its machine', async () => {
    const old = model(
      'old',
      wrongOn(400, () => false),
    )
    const slow = evaluationOf({
      model: 'new',
      scores: Array.from({ length: 400 }, (_, index) => (index < 40 ? null : 1)),
    })
    const naive = [...slow.metrics[0]!.scores].reduce<number>((sum, score) => sum + (score ?? 0), 0) / 400
    expect(pointCheck(naive, value(old))).toBe(false)
    expect(await decide(noRegression(accuracy(), { margin }), slow, old)).toBe('inconclusive')
  })
})
