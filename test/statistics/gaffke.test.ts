import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { exponentialSumCdf } from '../../src/statistics/exponential-sum.js'
import { binomialLowerBound, gaffkeLowerBound, gaffkeTest, mcnemar } from '../../src/statistics/index.js'

const repeated = (value: number, count: number): number[] => Array(count).fill(value)
const cdf = (...values: number[]) => exponentialSumCdf(Float64Array.from(values))

describe('a weighted sum of exponentials', () => {
  it('of one negative weight has the product form', () => {
    const positive = [0.3, 0.2, 0.1, 0.05, 0.9, 0.33]
    expect(cdf(...positive, -2)).toBeCloseTo(1 / positive.reduce((product, x) => product * (1 + x / 2), 1), 12)
    expect(cdf(...repeated(0.02, 149), -0.98) / 0.98 ** 149).toBeCloseTo(1, 8)
    expect(cdf(...repeated(0.02, 5000), -0.98) / 0.98 ** 5000).toBeCloseTo(1, 6)
    expect(cdf(...repeated(-0.002, 1000), 9)).toBeCloseTo(1 - 1 / (1 + 0.002 / 9) ** 1000, 9)
    expect(cdf(...repeated(1e-9, 10), -1)).toBeCloseTo(1 / (1 + 1e-9) ** 10, 12)
    expect(cdf(...repeated(2e-300, 5), -1e-300) * 3 ** 5).toBeCloseTo(1, 9)
  })

  it('of different weights on both sides is the sum of partial fractions', () => {
    const [negative, positive] = [
      [-1, -2.5, -0.7],
      [0.3, 0.9, 1.4, 0.2, 0.55],
    ]
    const expected = negative.reduce((sum, a) => {
      const weight = negative.reduce((product, b) => (b === a ? product : (product * a) / (a - b)), 1)
      return sum + weight * positive.reduce((product, x) => product / (1 + x / -a), 1)
    }, 0)
    expect(cdf(...negative, ...positive)).toBeCloseTo(expected, 12)
  })

  it('of one sign is certain', () => {
    expect([cdf(1, 2, 0), cdf(-1, -2, 0), cdf(0, 0)]).toEqual([0, 1, 1])
  })

  it('and its mirror image add up to 1', () => {
    const weights = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 40 })
    fc.assert(
      fc.property(weights, (values) => {
        fc.pre(values.some((value) => value > 1e-3) && values.some((value) => value < -1e-3))
        expect(cdf(...values) + cdf(...values.map((value) => -value))).toBeCloseTo(1, 7)
      }),
    )
  })
})

describe("Gaffke's bound", () => {
  it('of right or wrong answers is that of Clopper and Pearson', () => {
    for (const [right, n] of [
      [0, 5],
      [1, 10],
      [5, 10],
      [33, 34],
      [149, 149],
      [990, 1000],
    ] as const) {
      const sums = Array.from({ length: n }, (_, index) => (index < right ? 1 : 0))
      const bound = gaffkeLowerBound({ sums, worst: { sum: 0, size: 1 } }, 0.05)
      expect(bound).toBeCloseTo(binomialLowerBound(right, n, 0.05), 10)
    }
  })

  it("of wins against losses is McNemar's exact test", () => {
    for (const [b, c, n] of [
      [5, 0, 20],
      [12, 3, 100],
      [30, 18, 400],
    ] as const) {
      const sums = Array.from({ length: n }, (_, index) => (index < b ? 1 : index < b + c ? -1 : 0))
      expect(gaffkeTest({ sums, worst: { sum: -1, size: 1 } }, 0)).toBeCloseTo(mcnemar({ b, c }).exact, 10)
    }
  })

  it('agrees with its test, and grows with every value', () => {
    const random = seededRandom('gaffke')
    const sums = Array.from({ length: 60 }, () => random.normal())
    const sizes = Array.from({ length: 60 }, () => 1 + random.below(9))
    const ratio = { sums, sizes, worst: { sum: -10, size: 5 } }
    const bound = gaffkeLowerBound(ratio, 0.05)
    expect(gaffkeTest(ratio, bound)).toBeCloseTo(0.05, 9)
    const better = { ...ratio, sums: sums.map((sum, index) => (index === 7 ? sum + 1 : sum)) }
    expect(gaffkeLowerBound(better, 0.05)).toBeGreaterThan(bound)
  })

  it.each([
    ['no group', { sums: [] }],
    ['a sum that is no number', { sums: [1, Number.NaN] }],
    ['a size of nothing', { sums: [1, 2], sizes: [1, 0] }],
    ['fewer sizes than sums', { sums: [1, 2], sizes: [1] }],
  ])('refuses %s', (_, parts) => {
    expect(() => gaffkeTest({ worst: { sum: 0, size: 1 }, ...parts }, 0)).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
  })

  // Distributions on 0..1 with a rare, large part, of which a small sample usually shows nothing.
  it.each([
    ['98 % near 1, 2 % at 0', (u: number) => (u < 0.02 ? 0 : 0.98 + u / 100)],
    ['half at ½, some at 0 and 1', (u: number) => (u < 0.05 ? 0 : u < 0.6 ? 0.5 : 1)],
    ['a twentieth spread over the lower half', (u: number) => (u < 0.05 ? 10 * u : 0.9)],
  ])('lies above the mean at most once in twenty: %s', (_, draw) => {
    const random = seededRandom('coverage')
    const grid = Array.from({ length: 200_000 }, (_, index) => draw((index + 0.5) / 200_000))
    const mean = grid.reduce((sum, value) => sum + value, 0) / grid.length
    for (const n of [5, 30, 120]) {
      let above = 0
      for (let round = 0; round < 2000; round += 1) {
        const sums = Array.from({ length: n }, () => draw(random.uniform()))
        if (gaffkeTest({ sums, worst: { sum: 0, size: 1 } }, mean) <= 0.05) above += 1
      }
      // Three standard errors of 2,000 simulations.
      expect(above / 2000, `${n} items`).toBeLessThan(0.0646)
    }
  })
})
