import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { homogeneity, hypergeometricUpperTail, kolmogorovSmirnov } from '../../src/statistics/index.js'
import { largestShare, rounds } from '../whole.js'
import { closeness } from './reference/reference.js'

type Numbers = readonly number[]
type TwoSamples = readonly (readonly [Numbers, Numbers, number, number])[]

/** From SciPy; `make_two_sample.py` says how each was made. */
const reference = JSON.parse(readFileSync(new URL('reference/two-sample.json', import.meta.url), 'utf8')) as {
  readonly hypergeometric: readonly (readonly [number, number, number, number, number])[]
  readonly kolmogorovSmirnov: TwoSamples
  readonly kolmogorovSmirnovTies: TwoSamples
  readonly kolmogorov: readonly (readonly [number, number])[]
  readonly homogeneity: TwoSamples
  readonly homogeneitySmall: readonly (readonly [Numbers, Numbers, number])[]
}

describe('agrees with SciPy', () => {
  it('hypergeometricUpperTail', () => {
    for (const [successes, drawn, marked, population, wanted] of reference.hypergeometric)
      expect(
        closeness(hypergeometricUpperTail({ successes, drawn, marked, population }), wanted),
        `${successes} of ${drawn}`,
      ).toBeLessThan(1e-11)
  })

  it('kolmogorovSmirnov, exact, with and without ties', () => {
    for (const [one, other, statistic, pValue] of [
      ...reference.kolmogorovSmirnov,
      ...reference.kolmogorovSmirnovTies,
    ]) {
      const ours = kolmogorovSmirnov(one, other)
      expect(ours.method).toBe('exact')
      expect(ours.statistic).toBeCloseTo(statistic, 12)
      expect(closeness(ours.pValue, pValue), `${one.length} and ${other.length} values`).toBeLessThan(1e-9)
    }
  })

  it('kolmogorovSmirnov beyond the sizes that are computed exactly', () => {
    // Two shifted grids: the distance is the shift.
    const size = 6000
    const grid = Float64Array.from({ length: size }, (_, index) => index)
    for (const [z, wanted] of reference.kolmogorov) {
      const shift = Math.round(z * Math.sqrt(2 * size))
      const moved = grid.map((value) => value + shift - 0.5)
      const { statistic, pValue, method } = kolmogorovSmirnov(grid, moved)
      expect(method).toBe('asymptotic')
      expect(statistic).toBeCloseTo(shift / size, 12)
      // The shift is a whole number, so that z is off by up to 0.005.
      expect(Math.abs(pValue - wanted)).toBeLessThan(0.01)
    }
    expect(kolmogorovSmirnov(grid, grid).pValue).toBe(1)
  })

  it('homogeneity, by χ² and by permutation', () => {
    for (const [one, other, statistic, pValue] of reference.homogeneity) {
      const ours = homogeneity({ one, other })
      expect(ours.method).toBe('chi-square')
      expect(ours.statistic).toBeCloseTo(statistic, 9)
      expect(closeness(ours.pValue, pValue)).toBeLessThan(1e-12)
    }
    for (const [one, other, pValue] of reference.homogeneitySmall) {
      const ours = homogeneity({ one, other, permutations: 20_000 })
      expect(ours.method).toBe('permutation')
      // Four standard errors of 20,000 random divisions.
      expect(Math.abs(ours.pValue - pValue)).toBeLessThan(4 * Math.sqrt(0.25 / 20_000))
    }
  })
})

describe('homogeneity', () => {
  it('gives the share that moved, ignores categories that nobody has, and does not depend on the order', () => {
    expect(homogeneity({ one: [50, 50, 0], other: [70, 30, 0] })).toMatchObject({
      ...{ degrees: 1, totalVariation: expect.closeTo(0.2, 12) },
    })
    expect(homogeneity({ one: [9, 0], other: [4, 0] })).toMatchObject({ pValue: 1, totalVariation: 0 })
    const count = fc.nat({ max: 40 })
    fc.assert(
      fc.property(fc.array(fc.tuple(count, count), { minLength: 2, maxLength: 6 }), (pairs) => {
        const [one, other] = [pairs.map(([value]) => value), pairs.map(([, value]) => value)]
        if (!one.some(Boolean) || !other.some(Boolean)) return
        const [forward, back] = [
          homogeneity({ one, other, permutations: 99 }),
          homogeneity({ one: other, other: one, permutations: 99 }),
        ]
        expect(forward.statistic).toBeCloseTo(back.statistic, 9)
        expect(forward.totalVariation).toBeCloseTo(back.totalVariation, 12)
        expect(forward.pValue).toBeGreaterThan(0)
        expect(forward.pValue).toBeLessThanOrEqual(1)
      }),
    )
  })

  it.each([
    [{ one: [1], other: [1, 2] }, /1 and 2 categories/],
    [{ one: [0, 0], other: [1, 2] }, /a sample is empty/],
    [{ one: [0.5, 1], other: [1, 2] }, /"count"/],
  ])('refuses %j', (options, message) => {
    expect(() => homogeneity(options)).toThrow(message)
  })
})

it('kolmogorovSmirnov refuses no values and no numbers', () => {
  expect(() => kolmogorovSmirnov([], [1])).toThrow(/a sample is empty/)
  expect(() => kolmogorovSmirnov([1], [Number.NaN])).toThrow(/a value is NaN/)
})

it('no test rejects equal distributions more often than it says', () => {
  const count = rounds(4000)
  const random = seededRandom('two samples')
  const rejected = { ties: 0, rare: 0 }
  for (let round = 0; round < count; round += 1) {
    const draw = (size: number) => Array.from({ length: size }, () => Math.floor(5 * random.uniform() ** 3))
    const [one, other] = [draw(40), draw(60)]
    const counts = (values: Numbers) => [0, 1, 2, 3, 4].map((value) => values.filter((each) => each === value).length)
    if (kolmogorovSmirnov(one, other).pValue <= 0.05) rejected.ties += 1
    if (homogeneity({ one: counts(one), other: counts(other), permutations: 199, seed: round }).pValue <= 0.05)
      rejected.rare += 1
  }
  expect(rejected.ties / count).toBeLessThan(largestShare(count))
  expect(rejected.rare / count).toBeLessThan(largestShare(count))
})
