import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { bcaBootstrap } from '../../src/statistics/index.js'

const reference = JSON.parse(readFileSync(new URL('reference/resampling.json', import.meta.url), 'utf8')) as {
  readonly bca: readonly (readonly [number[], number, number, number, number, number])[]
  readonly ratio: readonly (readonly [number[][], number, number])[]
}

describe('bcaBootstrap', () => {
  it('gives the interval of SciPy, within the chance of 10,000 resamples', () => {
    for (const [values, lower, upper, acceleration, lowerSpread, upperSpread] of reference.bca) {
      const result = bcaBootstrap({ columns: [values] })
      expect(result.acceleration).toBeCloseTo(acceleration, 12)
      // Five standard deviations of what SciPy's own 10,000 resamples stray.
      expect(Math.abs(result.lower - lower)).toBeLessThan(5 * lowerSpread)
      expect(Math.abs(result.upper - upper)).toBeLessThan(5 * upperSpread)
    }
  })

  it('of a difference of ratios, groups kept together, too', () => {
    for (const [columns, lower, upper] of reference.ratio) {
      const statistic = ([a, b, c, d]: Float64Array) => a! / b! - c! / d!
      const result = bcaBootstrap({ columns, statistic, resamples: 40_000 })
      expect(Math.abs(result.lower - lower)).toBeLessThan(0.01)
      expect(Math.abs(result.upper - upper)).toBeLessThan(0.01)
    }
  })

  it('has p-values that are its ends, solved for the level', () => {
    const values = Array.from({ length: 200 }, (_, index) => Math.sin(index) + 0.1)
    const { lower, upper, pAbove, pBelow } = bcaBootstrap({ columns: [values], confidence: 0.9 })
    expect(pAbove(lower)).toBeCloseTo(0.05, 3)
    expect(pBelow(upper)).toBeCloseTo(0.05, 3)
  })

  it('is the same for the same seed, and moves with the data', () => {
    const values = Array.from({ length: 50 }, (_, index) => Math.sin(index))
    const one = bcaBootstrap({ columns: [values], seed: 's', resamples: 1000 })
    const again = bcaBootstrap({ columns: [values], seed: 's', resamples: 1000 })
    expect([again.lower, again.upper, again.bias]).toEqual([one.lower, one.upper, one.bias])
    const moved = bcaBootstrap({ columns: [values.map((value) => value + 8)], seed: 's', resamples: 1000 })
    expect(moved.lower).toBeCloseTo(one.lower + 8, 9)
    expect(moved.upper).toBeCloseTo(one.upper + 8, 9)
  })

  it('draws columns together, and leaves out those that do not vary', () => {
    const values = Array.from({ length: 300 }, (_, index) => Math.sin(index) + 2)
    const ones = values.map(() => 1)
    // Each path draws in its own way: one column that varies, two, and more groups than 16 bits can tell apart.
    const alone = bcaBootstrap({ columns: [values] })
    const weighted = bcaBootstrap({ columns: [ones, values], statistic: ([weight, sum]) => sum! / weight! })
    expect([weighted.lower, weighted.upper]).toEqual([alone.lower, alone.upper])
    const doubled = values.map((value) => 2 * value)
    const constant = bcaBootstrap({ columns: [values, doubled], statistic: ([sum, twice]) => twice! / sum! })
    expect(constant.lower).toBeCloseTo(2, 12)
    expect(constant.upper).toBeCloseTo(2, 12)
    const many = Array.from({ length: 65_537 }, (_, index) => index % 2)
    const { lower, upper } = bcaBootstrap({ columns: [many], resamples: 400 })
    // 1.96 standard errors of a mean of zeros and ones, and what 400 resamples stray.
    expect(upper - lower).toBeGreaterThan(0.8 * 2 * 1.96 * (0.5 / 256))
    expect(upper - lower).toBeLessThan(1.2 * 2 * 1.96 * (0.5 / 256))
  })

  it('says where there is no width that means anything', () => {
    const result = bcaBootstrap({ columns: [Array(10).fill(0.25)] })
    expect(result).toMatchObject({ estimate: 0.25, lower: 0.25, upper: 0.25, degenerate: true })
  })

  it('leaves out resamples without a denominator', () => {
    const columns = [
      [1, 0, 1, 0, 1, 1],
      [1, 1, 1, 0, 1, 1],
    ]
    const result = bcaBootstrap({ columns, statistic: ([hits, all]) => hits! / all! })
    expect(result.estimate).toBeCloseTo(0.8, 12)
    expect(result.upper).toBeLessThanOrEqual(1)
    expect(Number.isFinite(result.lower)).toBe(true)
  })

  it.each([
    ['no columns', []],
    ['one group', [[1]]],
    ['columns of different length', [[1, 2], [1]]],
    ['NaN', [[1, Number.NaN]]],
  ])('refuses %s', (_, columns) => {
    expect(() => bcaBootstrap({ columns })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('refuses a statistic that is no number on most resamples, or on the data', () => {
    expect(() => bcaBootstrap({ columns: [[1, 2, 3]], statistic: () => Number.NaN })).toThrow(/on the original data/)
    const once = { columns: [[1, 2, 3]], statistic: ([sum]: Float64Array) => (sum === 6 ? 1 : Number.NaN) }
    expect(() => bcaBootstrap(once)).toThrow(/only \d+ of \d+ resamples/)
  })

  it('covers the truth about as often as it says', () => {
    // 400 data sets of 60 skewed values with the mean 1; at 90 % about 360 intervals hold it, BCa a few fewer.
    const random = seededRandom('coverage')
    let held = 0
    for (let round = 0; round < 400; round += 1) {
      const values = Array.from({ length: 60 }, () => -Math.log(1 - random.uniform()))
      const { lower, upper } = bcaBootstrap({ columns: [values], confidence: 0.9, resamples: 600, seed: round })
      if (lower <= 1 && 1 <= upper) held += 1
    }
    expect(held).toBeGreaterThan(330)
    expect(held).toBeLessThan(385)
  })
})
