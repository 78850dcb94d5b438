import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalQuantile } from '../../src/statistics/normal.js'
import { tango, tangoScore } from '../../src/statistics/tango.js'
import { rounds } from '../whole.js'
import { closeness, columns, reference } from './reference/reference.js'

const somePairs = fc
  .integer({ min: 1, max: 2000 })
  .chain((n) =>
    fc
      .tuple(fc.constant(n), fc.integer({ min: 0, max: n }))
      .chain(([n, t]) =>
        fc.record({ n: fc.constant(n), b: fc.integer({ min: 0, max: t }) }).map((pair) => ({ ...pair, c: t - pair.b })),
      ),
  )
const someMargin = fc.double({ min: 0.001, max: 0.5, noNaN: true })

describe('tango', () => {
  it('agrees with a numerical maximisation of the likelihood', () => {
    for (const row of reference.tango) {
      const [b, c, n, margin, z, lower, upper] = columns(row)
      const result = tango({ b, c, n, margin })
      expect(closeness(result.z, z), `z ${row}`).toBeLessThan(1e-9)
      expect(Math.abs(result.lower - lower), `lower ${row}`).toBeLessThan(1e-10)
      expect(Math.abs(result.upper - upper), `upper ${row}`).toBeLessThan(1e-10)
    }
  })

  // Tango (1998): 44 patients, two ways to disinfect lenses, one discordant pair, margin 10 points.
  it('gives the z of the example in the paper', () => {
    expect(tango({ b: 1, c: 0, n: 44, margin: 0.1 }).z).toBeCloseTo(1.709, 3)
  })

  // Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850–2875, Bentur et al., and their book (2017),
  // chapter 8, Cavo et al. Two-sided 95 %; their difference has the other sign.
  it.each([
    { b: 1, c: 7, n: 21, lower: 0.026, upper: 0.517, digits: 3 },
    { b: 6, c: 16, n: 161, lower: 0.0054, upper: 0.124, digits: 4 },
  ])('gives the published interval of $b and $c of $n', ({ b, c, n, lower, upper, digits }) => {
    const result = tango({ b, c, n, margin: 0.02, confidence: 0.975 })
    expect(result.lower).toBeCloseTo(lower, digits)
    expect(result.upper).toBeCloseTo(upper, digits)
  })

  it('is McNemar’s test at margin 0', () => {
    expect(tango({ b: 16, c: 6, n: 161, margin: 0 }).z).toBeCloseTo(-2.132, 3)
    fc.assert(
      fc.property(somePairs, ({ b, c, n }) => {
        const wanted = b + c === 0 ? 0 : (c - b) / Math.sqrt(b + c)
        expect(tango({ b, c, n, margin: 0 }).z).toBeCloseTo(wanted, 10)
      }),
    )
  })

  it('has no interval of width zero, not even without a discordant pair', () => {
    const z = normalQuantile(0.95)
    for (const n of [1, 10, 133, 1_000_000]) {
      const { lower, upper, difference } = tango({ b: 0, c: 0, n, margin: 0.02 })
      expect(difference).toBe(0)
      expect(lower).toBeCloseTo(-(z * z) / (n + z * z), 12)
      expect(upper).toBeCloseTo((z * z) / (n + z * z), 12)
    }
    expect(tango({ b: 0, c: 0, n: 10, margin: 0.02 }).lower).toBeLessThan(-0.2)
    expect(tango({ b: 0, c: 0, n: 100, margin: 0.02 }).z).toBeCloseTo(1.43, 2)
    expect(tango({ b: 0, c: 0, n: 132, margin: 0.02 }).p).toBeGreaterThan(0.05)
    expect(tango({ b: 0, c: 0, n: 133, margin: 0.02 }).p).toBeLessThan(0.05)
  })

  it('ends at the ends', () => {
    expect(tango({ b: 9, c: 0, n: 9, margin: 0.02 }).lower).toBe(-1)
    expect(tango({ b: 0, c: 9, n: 9, margin: 0.02 }).upper).toBe(1)
  })

  it('holds the difference, agrees with its own test, and mirrors when the models are swapped', () => {
    fc.assert(
      fc.property(somePairs, someMargin, ({ b, c, n }, margin) => {
        const result = tango({ b, c, n, margin })
        expect(result.lower).toBeLessThanOrEqual(result.difference)
        expect(result.upper).toBeGreaterThanOrEqual(result.difference)
        if (Math.abs(result.p - 0.05) > 1e-9) expect(result.lower > -margin).toBe(result.p < 0.05)
        expect(tango({ b: c, c: b, n, margin }).lower).toBeCloseTo(-result.upper, 12)
      }),
    )
  })

  it('rises with every win and falls with every loss, which the exact test relies on', () => {
    fc.assert(
      fc.property(
        somePairs,
        fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 0.95, noNaN: true })),
        ({ b, c, n }, margin) => {
          const z = tangoScore(b, c, n, -margin)
          const slack = 1e-10 * Math.max(1, Math.abs(z))
          if (b > 0) expect(tangoScore(b - 1, c + 1, n, -margin)).toBeGreaterThanOrEqual(z - slack)
          if (b + c === n) return
          expect(tangoScore(b, c + 1, n, -margin)).toBeGreaterThanOrEqual(z - slack)
          expect(tangoScore(b + 1, c, n, -margin)).toBeLessThanOrEqual(z + slack)
        },
      ),
      { numRuns: rounds(500) },
    )
  })

  it('refuses what is no paired table', () => {
    expect(() => tango({ b: 6, c: 5, n: 10, margin: 0.02 })).toThrow('b + c is 11')
    expect(() => tango({ b: 0, c: 0, n: 0, margin: 0.02 })).toThrow('"n"')
    expect(() => tango({ b: 0, c: 0, n: 10, margin: -0.02 })).toThrow('"margin"')
    expect(() => tango({ b: 0, c: 0, n: 10, margin: Number.NaN })).toThrow('"margin"')
  })
})
