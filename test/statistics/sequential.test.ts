import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import {
  alphaOfUse,
  alphaSpent,
  confidenceSequence,
  floorPower,
  floorRequired,
  floorThreshold,
  meanDetectable,
  meanPower,
  meanRequired,
  wilson,
} from '../../src/statistics/index.js'

type Row = readonly [number, number, number, number, number]
const reference = JSON.parse(readFileSync(new URL('reference/resampling.json', import.meta.url), 'utf8')) as {
  readonly wilson: readonly Row[]
  readonly sequence: readonly (readonly [number[], number, number[], number[]])[]
  readonly obrienFleming: readonly (readonly [number, number, number])[]
  readonly pocock: readonly (readonly [number, number, number])[]
  readonly meanPower: readonly Row[]
  readonly floor: readonly Row[]
}

describe('wilson', () => {
  it('agrees with statsmodels', () => {
    for (const [successes, trials, confidence, lower, upper] of reference.wilson) {
      const interval = wilson({ successes, trials, confidence })
      expect(interval.lower).toBeCloseTo(lower, 12)
      expect(interval.upper).toBeCloseTo(upper, 12)
    }
  })

  it('refuses more successes than trials', () => {
    expect(() => wilson({ successes: 2, trials: 1 })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('alpha spending', () => {
  it.each(['obrien-fleming', 'pocock'] as const)('%s agrees with its formula in SciPy', (family) => {
    const rows = family === 'pocock' ? reference.pocock : reference.obrienFleming
    for (const [fraction, alpha, spent] of rows) expect(alphaSpent({ fraction, alpha, family })).toBeCloseTo(spent, 12)
    expect(alphaSpent({ fraction: 0, family })).toBe(0)
    expect(alphaSpent({ fraction: 1, family })).toBeCloseTo(0.05, 12)
  })

  it('over any number of uses adds up to alpha', () => {
    let spent = 0
    for (let use = 1; use <= 100_000; use += 1) spent += alphaOfUse(use)
    expect(spent).toBeLessThan(0.05)
    expect(spent).toBeGreaterThan(0.0499)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses use %d', (use) => {
    expect(() => alphaOfUse(use)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('confidenceSequence', () => {
  it('is the formula of the paper at every time', () => {
    for (const [values, confidence, lower, upper] of reference.sequence) {
      const sequence = confidenceSequence({ range: [0, 1], confidence })
      for (const [index, value] of values.entries()) {
        sequence.add(value)
        expect(sequence.interval().lower).toBeCloseTo(lower[index]!, 10)
        expect(sequence.interval().upper).toBeCloseTo(upper[index]!, 10)
      }
    }
  })

  it('speaks of differences in their own range', () => {
    const scaled = confidenceSequence({ range: [0, 1] })
    const differences = confidenceSequence({ range: [-1, 1] })
    for (const value of [0, 0.5, 0.5, 1, 0.5]) {
      scaled.add(value)
      differences.add(2 * value - 1)
    }
    expect(differences.mean).toBeCloseTo(2 * scaled.mean - 1, 12)
    expect(differences.interval().lower).toBeCloseTo(2 * scaled.interval().lower - 1, 12)
    expect(confidenceSequence({ range: [-1, 1] }).interval()).toEqual({ lower: -1, upper: 1 })
  })

  it('errs at any time in no more of the runs than it says', () => {
    // Looked at after every one of 400 values: a fixed 90 % interval would err in far more than a tenth of the runs.
    const random = seededRandom('watching')
    let errors = 0
    for (let run = 0; run < 400; run += 1) {
      const sequence = confidenceSequence({ range: [-1, 1], confidence: 0.9 })
      let erred = false
      for (let step = 0; step < 400; step += 1) {
        sequence.add([-1, 0, 0, 0, 1][random.below(5)]!)
        const { lower, upper } = sequence.interval()
        if (lower > 0 || upper < 0) erred = true
      }
      if (erred) errors += 1
    }
    expect(errors).toBeLessThanOrEqual(40)
  })

  it('finds a difference that is there', () => {
    const random = seededRandom('drift')
    const sequence = confidenceSequence({ range: [-1, 1] })
    for (let step = 0; step < 2000; step += 1) sequence.add(random.uniform() < 0.15 ? -1 : 0)
    expect(sequence.interval().upper).toBeLessThan(0)
  })

  it.each([
    { range: [1, 0] as const },
    { range: [0, Number.POSITIVE_INFINITY] as const },
    { range: [0, 1] as const, confidence: 1 },
  ])('refuses %j', (options) => {
    expect(() => confidenceSequence(options)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it.each([Number.NaN, 1.01, -0.01])('refuses the value %d, and is as it was', (value) => {
    const sequence = confidenceSequence({ range: [0, 1] })
    expect(() => sequence.add(value)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    expect(sequence.count).toBe(0)
  })
})

describe('planning', () => {
  it('of a mean agrees with statsmodels, and its three questions with each other', () => {
    for (const [n, difference, deviation, alpha, power] of reference.meanPower) {
      expect(meanPower({ n, difference, deviation, alpha })).toBeCloseTo(power, 10)
      expect(meanDetectable({ n, deviation, alpha, power })).toBeCloseTo(difference, 8)
      expect(Math.abs(meanRequired({ difference, deviation, alpha, power }) - n)).toBeLessThanOrEqual(1)
    }
  })

  it('of a floor agrees with the enumeration of SciPy', () => {
    for (const [n, truth, floor, least, power] of reference.floor) {
      expect(floorThreshold({ n, floor })).toBe(least)
      expect(floorPower({ n, truth, floor })).toBeCloseTo(power, 10)
    }
  })

  it.each([
    [0.35, 0.15, 0.8],
    [0.2, 0.15, 0.8],
    [0.99, 0.9, 0.8],
    [1, 0.95, 0.8],
    // The power falls short again at 25 sizes between 624 and 693.
    [0.97, 0.95, 0.8],
    [0.995, 0.99, 0.9],
    [0.5, 0.15, 0.05],
    [0.02, 0.001, 0.95],
  ])('every size from the required one on certifies truth %d against floor %d with power %d', (truth, floor, power) => {
    const n = floorRequired({ truth, floor, power })
    for (let size = n; size < 1.5 * n + 60; size += 1)
      expect(floorPower({ n: size, truth, floor }), `${size} items`).toBeGreaterThanOrEqual(power)
    expect(n === 1 || floorPower({ n: n - 1, truth, floor }) < power).toBe(true)
  })

  it('of what cannot be is refused', () => {
    expect(() => floorRequired({ truth: 0.1, floor: 0.15 })).toThrow(/above/)
    expect(() => meanRequired({ difference: 0, deviation: 1 })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
  })
})
