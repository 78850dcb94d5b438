import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import {
  chiSquareTail,
  meanDifferenceSequence,
  proportionDifferenceSequence,
  proportionSequence,
  proportionSequenceP,
  sampleRatioTest,
} from '../../src/statistics/index.js'
import { logCapital } from '../../src/statistics/proportion-sequence.js'
import { rounds } from '../whole.js'
import { closeness } from './reference/reference.js'

type Numbers = readonly number[]
/** From gbstats 0.8.0, confseq 0.0.11 and SciPy: `make_sequential.py`. */
const reference = JSON.parse(readFileSync(new URL('reference/sequential.json', import.meta.url), 'utf8')) as {
  readonly logCapital: readonly (readonly [number, number, number, number])[]
  readonly proportion: readonly (readonly [number, number, number, number, number])[]
  readonly mean: readonly Numbers[]
  readonly chiSquareTail: readonly (readonly [number, number, number])[]
  readonly sampleRatio: readonly (readonly [Numbers, Numbers, number])[]
}
const invalid = expect.objectContaining({ code: 'invalid-options' })

describe('proportionSequence', () => {
  it('has the capital that confseq reaches bet by bet', () => {
    for (const [successes, trials, share, wanted] of reference.logCapital)
      expect(logCapital({ successes, trials })(share)).toBeCloseTo(wanted, 9)
  })

  it('has the limits at which the capital of confseq reaches 1/α', () => {
    for (const [successes, trials, confidence, lower, upper] of reference.proportion) {
      const interval = proportionSequence({ successes, trials, confidence })
      expect(interval.lower).toBeCloseTo(lower, 9)
      expect(interval.upper).toBeCloseTo(upper, 9)
    }
  })

  it('excludes a proportion exactly if its p-value is below 1 − confidence', () => {
    const { lower, upper } = proportionSequence({ successes: 30, trials: 80, confidence: 0.99 })
    const p = (share: number) => proportionSequenceP({ successes: 30, trials: 80 }, share)
    for (const limit of [lower, upper]) expect(p(limit)).toBeCloseTo(0.01, 9)
    expect(p(lower - 0.01)).toBeLessThan(0.01)
    expect(p(lower + 0.01)).toBeGreaterThan(0.01)
  })

  it('knows nothing before the first trial, and refuses more successes than trials', () => {
    expect(proportionSequence({ successes: 0, trials: 0 })).toEqual({ lower: 0, upper: 1 })
    expect(() => proportionSequence({ successes: 2, trials: 1 })).toThrow(invalid)
  })
})

describe('proportionDifferenceSequence', () => {
  it('ends where the least capital over all pairs of proportions reaches 1/α', () => {
    const random = seededRandom('difference')
    for (let round = 0; round < 12; round += 1) {
      const group = () => {
        const trials = 1 + random.below(400)
        return { successes: random.below(trials + 1), trials }
      }
      const [control, treatment] = [group(), group()]
      const { estimate, lower, upper } = proportionDifferenceSequence({ control, treatment })
      const [ofControl, ofTreatment] = [logCapital(control), logCapital(treatment)]
      // By enumeration of a fine grid instead of a search along the slope.
      const least = (difference: number) => {
        let found = Infinity
        for (let step = 1; step < 20_000; step += 1) {
          const share = step / 20_000
          if (share + difference > 0 && share + difference < 1)
            found = Math.min(found, ofControl(share) + ofTreatment(share + difference))
        }
        return found
      }
      expect(lower).toBeLessThanOrEqual(estimate)
      expect(upper).toBeGreaterThanOrEqual(estimate)
      if (lower > -0.99) expect(least(lower)).toBeCloseTo(Math.log(20), 2)
      if (upper < 0.99) expect(least(upper)).toBeCloseTo(Math.log(20), 2)
    }
  })

  it('turns around if the groups do, and is wide without a group', () => {
    const [low, high] = [
      { successes: 20, trials: 90 },
      { successes: 70, trials: 110 },
    ]
    const up = proportionDifferenceSequence({ control: low, treatment: high })
    const down = proportionDifferenceSequence({ control: high, treatment: low })
    expect(up.lower).toBeCloseTo(-down.upper, 12)
    expect(up.upper).toBeCloseTo(-down.lower, 12)
    const none = { successes: 0, trials: 0 }
    expect(proportionDifferenceSequence({ control: none, treatment: none })).toEqual({
      estimate: 0,
      lower: -1,
      upper: 1,
    })
    expect(proportionDifferenceSequence({ control: none, treatment: high }).lower).toBeLessThan(-0.2)
  })

  // Of 2,000 sequences, at most 5 % may ever leave out the truth. 3 standard errors more would be 6.5 %.
  it('contains the true difference at every look, at least as often as it says', () => {
    const sequences = rounds(2000)
    for (const [share, difference] of [
      [0.9, 0],
      [0.5, -0.2],
      [0.05, 0.02],
    ] as const) {
      const random = seededRandom(`coverage ${share}`)
      let missed = 0
      for (let sequence = 0; sequence < sequences; sequence += 1) {
        const counts = [0, 0, 0, 0]
        for (let trial = 1; trial <= 300; trial += 1) {
          const isTreatment = random.below(2)
          counts[2 * isTreatment]! += +(random.uniform() < share + isTreatment * difference)
          counts[2 * isTreatment + 1]! += 1
          const [controlRight, control, treatmentRight, treatment] = counts as [number, number, number, number]
          // The interval leaves out the truth only if the capital against the true pair has reached 1/α.
          const capital =
            logCapital({ successes: controlRight, trials: control })(share) +
            logCapital({ successes: treatmentRight, trials: treatment })(share + difference)
          if (capital <= Math.log(20)) continue
          missed += 1
          break
        }
      }
      expect(missed / sequences).toBeLessThan(0.05)
    }
  })
})

describe('meanDifferenceSequence', () => {
  it('agrees with gbstats', () => {
    for (const row of reference.mean) {
      const [count, mean, variance, count2, mean2, variance2, confidence, tunedFor, estimate, lower, upper, p] =
        row as Numbers & { readonly [index: number]: number }
      const found = meanDifferenceSequence({
        control: { count: count!, mean: mean!, variance: variance! },
        treatment: { count: count2!, mean: mean2!, variance: variance2! },
        confidence: confidence!,
        tunedFor: tunedFor!,
      })
      expect(closeness(found.estimate, estimate!)).toBeLessThan(1e-9)
      expect(closeness(found.lower, lower!)).toBeLessThan(1e-9)
      expect(closeness(found.upper, upper!)).toBeLessThan(1e-9)
      expect(closeness(found.p, p!)).toBeLessThan(1e-9)
    }
  })

  it('says nothing about groups without a variance', () => {
    const one = { count: 1, mean: 3, variance: 0 }
    expect(meanDifferenceSequence({ control: one, treatment: one })).toMatchObject({ lower: -Infinity, p: 1 })
    const equal = { count: 50, mean: 3, variance: 0 }
    expect(meanDifferenceSequence({ control: equal, treatment: equal })).toMatchObject({ upper: Infinity, p: 1 })
    expect(() => meanDifferenceSequence({ control: { ...one, mean: Number.NaN }, treatment: one })).toThrow(invalid)
  })
})

describe('sampleRatioTest', () => {
  it('agrees with SciPy and gbstats', () => {
    for (const [x, degrees, wanted] of reference.chiSquareTail)
      expect(closeness(chiSquareTail(x, degrees), wanted)).toBeLessThan(1e-12)
    for (const [counts, shares, wanted] of reference.sampleRatio)
      expect(closeness(sampleRatioTest({ counts, shares }).p, wanted)).toBeLessThan(1e-12)
  })

  it('finds the published mismatch of 821,588 and 815,482 users', () => {
    // R. Kohavi, D. Tang and Y. Xu, Trustworthy Online Controlled Experiments (2020), chapter 3: p = 1.8e-6.
    expect(sampleRatioTest({ counts: [821_588, 815_482], shares: [1, 1] }).p).toBeCloseTo(1.8e-6, 7)
  })

  it('refuses shares that do not fit', () => {
    expect(() => sampleRatioTest({ counts: [1, 2], shares: [1] })).toThrow(invalid)
    expect(() => sampleRatioTest({ counts: [1, 2], shares: [1, 0] })).toThrow(invalid)
  })
})
