import { describe, expect, it } from 'vitest'
import { callContext, digestJson, seededRandom } from '../../src/core/index.js'
import { accuracy, type Evaluation } from '../../src/evaluation/index.js'
import { benchmarks, type Check, calibration, latency, qualityGate, size } from '../../src/gate/index.js'
import type { Prediction } from '../../src/model/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { largestShare, rounds } from '../whole.js'
import { ofKind } from './of-kind.js'

const context = callContext()
const scores = (count: number, wrong: number) => Array.from({ length: count }, (_, index) => (index < wrong ? 0 : 1))
const evidence = evidenceOf(evaluationOf({ model: 'm', scores: scores(10, 1) }))
const examine = (check: Check, given = evidence) => check.examine(given, context)

describe('size', () => {
  const digest = digestJson('x')
  const files = [
    { path: 'a', digest, sizeBytes: 600 },
    { path: 'b', digest, sizeBytes: 400 },
  ]
  const weights = { ...evidence.candidate.weights, manifest: { formatVersion: 1 as const, files } }
  const given = { ...evidence, candidate: { ...evidence.candidate, weights } }

  it.each([
    [1000, 'pass'],
    [999, 'fail'],
  ])('of %i bytes allowed: %s', async (maximumBytes, status) => {
    expect(await examine(size({ maximumBytes }), given)).toMatchObject([{ status, estimate: 1000, unit: 'bytes' }])
  })

  it('takes whole bytes', () => {
    for (const maximumBytes of [0, -1, 0.5, Number.NaN])
      expect(() => size({ maximumBytes })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('latency', () => {
  const given = (latenciesMs?: readonly number[]) => ({
    ...evidence,
    candidate: { ...evidence.candidate, ...(latenciesMs && { latenciesMs }) },
  })
  const spread = Array.from({ length: 300 }, (_, index) => 1 + ((index * 37) % 300) / 100)

  it.each([
    ['well within', 10, 'pass'],
    ['just at what was seen', 3.85, 'inconclusive'],
    ['far beyond', 2, 'fail'],
  ])('%s: %d ms is %s', async (_, maximumMs, status) => {
    expect(await examine(latency({ maximumMs }), given(spread))).toMatchObject([{ status, unit: 'ms', items: 300 }])
  })

  it('of fewer answers than bound a quantile is open: 58 say nothing of the 95 % quantile, 59 do', async () => {
    const same = (count: number) => given(Array.from({ length: count }, () => 1))
    expect(await examine(latency({ maximumMs: 2 }), same(58))).toMatchObject([{ status: 'inconclusive' }])
    expect(await examine(latency({ maximumMs: 2 }), same(59))).toMatchObject([{ status: 'pass' }])
  })

  it('that nobody measured is open', async () => {
    expect(await examine(latency({ maximumMs: 2 }), given())).toMatchObject([{ status: 'inconclusive' }])
    expect(qualityGate([latency({ maximumMs: 2 })]).needs).toEqual(['latency'])
  })

  it('lets too slow a model through, and holds back one that is quick enough, at most five times in a hundred', async () => {
    const random = seededRandom('latency')
    let [passes, fails] = [0, 0]
    const runs = rounds(400)
    for (let run = 0; run < runs; run += 1) {
      // Exponential: the 95 % quantile is −ln 0.05.
      const latenciesMs = Array.from({ length: 300 }, () => -Math.log(1 - random.uniform()))
      const [finding] = await examine(latency({ maximumMs: -Math.log(0.05) }), given(latenciesMs))
      passes += finding!.status === 'pass' ? 1 : 0
      fails += finding!.status === 'fail' ? 1 : 0
    }
    expect(passes / runs).toBeLessThan(largestShare(runs))
    expect(fails / runs).toBeLessThan(largestShare(runs))
  })
})

describe('benchmarks', () => {
  const category = Array.from({ length: 400 }, (_, index) => (index < 200 ? 'easy' : 'hard'))
  // All of the easy ones right, and every other hard one.
  const mixed = Array.from({ length: 400 }, (_, index) => (index < 200 || index % 2 === 0 ? 1 : 0))
  const given = evidenceOf(evaluationOf({ model: 'm', scores: mixed, slices: { category } }))

  it('judge each suite by itself, by its name or with its kind', async () => {
    const suites = [
      { name: 'easy', threshold: 0.9 },
      { name: 'category=hard', threshold: 0.9 },
    ]
    expect(await examine(benchmarks(accuracy(), suites), given)).toMatchObject([
      { slice: 'easy', status: 'pass', items: 200 },
      { slice: 'category=hard', status: 'fail', items: 200 },
    ])
  })

  it('a suite without items, or without a threshold, does not pass', async () => {
    const gate = (name: string, threshold?: number) =>
      qualityGate([
        benchmarks(accuracy(), [
          { name: 'easy', threshold: 0.1 },
          { name, threshold },
        ]),
      ])
    expect((await gate('absent', 0.1).decide(given, context)).status).toBe('inconclusive')
    expect((await gate('hard').decide(given, context)).status).toBe('inconclusive')
    expect((await gate('hard', 0.1).decide(given, context)).status).toBe('pass')
  })

  it('refuse what cannot be asked', () => {
    const wrong = [
      [],
      [{ name: 'a', threshold: 2 }],
      [{ name: 'a', threshold: Number.NaN }],
      [{ name: 'a' }, { name: 'a' }],
    ]
    for (const suites of wrong)
      expect(() => benchmarks(accuracy(), suites)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('calibration', () => {
  /** Answers with confidence in (0.5, 1), right with chance `truth(confidence)`. */
  function answers(
    count: number,
    truth: (confidence: number) => number,
    seed = 'calibration',
    repeats = 1,
  ): Evaluation {
    const random = seededRandom(seed)
    const confidences = Array.from({ length: count }, () => 0.5 + 0.5 * Math.sqrt(random.uniform()))
    const rights = confidences.map((confidence) => random.uniform() < truth(confidence))
    const repeated = <T>(values: readonly T[]) => values.flatMap((value) => Array<T>(repeats).fill(value))
    const predictions = confidences.map(
      (sure): Prediction => ({ kind: 'label', label: 'a', probabilities: { a: sure, b: 1 - sure } }),
    )
    const base = evaluationOf({
      model: 'm',
      scores: repeated(rights.map(Number)),
      groups: repeated(confidences.map((_, index) => `group ${index}`)),
    })
    return {
      ...base,
      predictions: repeated(predictions),
      targets: repeated(rights.map((right) => (right ? 'a' : 'b'))),
    }
  }
  const judge = async (evaluation: Evaluation, maximumError: number) =>
    (await examine(calibration({ maximumError }), evidenceOf(evaluation)))[0]!

  it('of a model that is as often right as it says passes, with a diagram', async () => {
    const finding = ofKind(
      'bound',
      await judge(
        answers(1000, (confidence) => confidence),
        0.1,
      ),
    )
    expect(finding).toMatchObject({ status: 'pass', groups: 1000 })
    expect(finding.reliability).toHaveLength(15)
    expect(finding.reliability!.reduce((sum, { items }) => sum + items, 0)).toBe(1000)
    for (const { confidence, accuracy } of finding.reliability!)
      expect(Math.abs(confidence - accuracy)).toBeLessThan(0.2)
  })

  it('of one that is far too sure fails', async () => {
    expect(
      await judge(
        answers(1000, (confidence) => confidence - 0.3),
        0.1,
      ),
    ).toMatchObject({ status: 'fail' })
  })

  it('counts every item alike: an error that sits in the large groups is as large as it is', async () => {
    // 120 groups of one item are right as often as they say; 40 groups of 30 say 0.9 and are right on every other item.
    const sizes = [...Array<number>(120).fill(1), ...Array<number>(40).fill(30)]
    const base = evaluationOf({
      model: 'm',
      scores: sizes.flatMap((size) => Array<number>(size).fill(1)),
      groups: sizes.flatMap((size, group) => Array<string>(size).fill(`group ${group}`)),
    })
    const isSure = (item: number) => item >= 120
    const predictions = Array.from(base.ids, (_, item): Prediction => {
      const sure = isSure(item) ? 0.9 : 0.5
      return { kind: 'label', label: 'a', probabilities: { a: sure, b: 1 - sure } }
    })
    const targets = Array.from(base.ids, (_, item) => (item % 2 === 0 ? 'a' : 'b'))
    const finding = ofKind('bound', await judge({ ...base, predictions, targets }, 0.1))
    expect(finding).toMatchObject({ status: 'fail', items: 1320, groups: 160 })
    expect(finding.estimate).toBeCloseTo((0.4 * 1200) / 1320, 1)
    expect(finding.lower).toBeGreaterThan(0.1)
    expect(finding.upper).toBeGreaterThan(finding.estimate)
    expect(finding.engine).toContain('Gaffke')
  })

  it('counts repeats of an item once', async () => {
    const once = await judge(
      answers(60, (confidence) => confidence - 0.2, 'repeats'),
      0.1,
    )
    const often = await judge(
      answers(60, (confidence) => confidence - 0.2, 'repeats', 10),
      0.1,
    )
    expect(often).toMatchObject({ groups: 60, items: 600, status: once.status })
    const [one, ten] = [ofKind('bound', once), ofKind('bound', often)]
    expect(ten.upper).toBeCloseTo(one.upper!, 10)
    expect(ten.lower).toBeCloseTo(one.lower!, 10)
  })

  it.each([
    ['without probabilities', evaluationOf({ model: 'm', scores: scores(100, 1) })],
    ['of nineteen items', answers(19, (confidence) => confidence)],
    ['of an item that was not answered', evaluationOf({ model: 'm', scores: [...scores(99, 1), null] })],
  ])('%s is open', async (_, evaluation) => {
    expect(await judge(evaluation, 0.1)).toMatchObject({ status: 'inconclusive' })
  })

  it('errs at most five times in a hundred, either way, where the error is just what is allowed', async () => {
    const runs = rounds(200)
    for (const [count, error] of [
      [200, 0.1],
      [600, 0.05],
    ] as const) {
      let [passes, fails] = [0, 0]
      for (let run = 0; run < runs; run += 1) {
        const { status } = await judge(
          answers(count, (confidence) => confidence - error, `run ${run}`),
          error,
        )
        passes += status === 'pass' ? 1 : 0
        fails += status === 'fail' ? 1 : 0
      }
      expect(passes / runs).toBeLessThan(largestShare(runs))
      expect(fails / runs).toBeLessThan(largestShare(runs))
    }
  })
})
