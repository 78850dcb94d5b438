import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { criticalScore, exactNonInferiority } from '../../src/statistics/exact-non-inferiority.js'
import { normalQuantile } from '../../src/statistics/normal.js'
import { regionChance, scoreRegion } from '../../src/statistics/paired-region.js'
import { tangoScore } from '../../src/statistics/tango.js'
import { rounds } from '../whole.js'
import { columns, reference } from './reference/reference.js'

const somePairs = fc.integer({ min: 1, max: 120 }).chain((n) =>
  fc
    .integer({ min: 0, max: n })
    .chain((t) => fc.record({ n: fc.constant(n), t: fc.constant(t), b: fc.integer({ min: 0, max: t }) }))
    .map(({ n, t, b }) => ({ n, b, c: t - b })),
)

describe('exactNonInferiority', () => {
  it('agrees with an enumeration of every outcome over a dense grid of discordances', () => {
    for (const row of reference.exactNonInferiority) {
      const [b, c, n, margin, wanted] = columns(row)
      const p = exactNonInferiority({ b, c, n, margin })
      // The reference has a grid and no refinement, so it may lie below the maximum by a little, never above.
      expect(p, `${row}`).toBeGreaterThanOrEqual(wanted - 1e-9)
      expect(p, `${row}`).toBeLessThanOrEqual(wanted + 1e-6)
    }
  })

  it('is (1 − margin)ⁿ without a discordant pair: 149 items are the fewest for two points', () => {
    for (const n of [10, 133, 148, 149]) {
      expect(exactNonInferiority({ b: 0, c: 0, n, margin: 0.02 })).toBeCloseTo(0.98 ** n, 12)
    }
    expect(exactNonInferiority({ b: 0, c: 0, n: 148, margin: 0.02 })).toBeGreaterThan(0.05)
    expect(exactNonInferiority({ b: 0, c: 0, n: 149, margin: 0.02 })).toBeLessThan(0.05)
  })

  it('is more than that where other outcomes score as high and are likelier at another discordance', () => {
    expect(exactNonInferiority({ b: 0, c: 0, n: 725, margin: 0.02 })).toBeGreaterThan(0.98 ** 725)
    expect(exactNonInferiority({ b: 0, c: 0, n: 725, margin: 0.02 })).toBeLessThan(1e-4)
  })

  it('of four wins and a tie is the largest 5 w⁴ (1 − q) + w⁵, w = (q − margin) / 2: less than the conditional 1/16', () => {
    const chance = (q: number) => 5 * ((q - 0.02) / 2) ** 4 * (1 - q) + ((q - 0.02) / 2) ** 5
    const largest = Math.max(...Array.from({ length: 98_001 }, (_, step) => chance(0.02 + step / 100_000)))
    expect(exactNonInferiority({ b: 0, c: 4, n: 5, margin: 0.02 })).toBeCloseTo(largest, 8)
    expect(largest).toBeCloseTo(0.0353, 4)
  })

  it('does not pass ten identical items', () => {
    expect(exactNonInferiority({ b: 0, c: 0, n: 10, margin: 0.02 })).toBeGreaterThan(0.8)
  })

  it('falls with wins, rises with losses, and falls as the margin grows', () => {
    fc.assert(
      fc.property(somePairs, fc.double({ min: 0.01, max: 0.3, noNaN: true }), ({ b, c, n }, margin) => {
        const p = exactNonInferiority({ b, c, n, margin })
        expect(p).toBeGreaterThan(0)
        expect(p).toBeLessThanOrEqual(1)
        if (b > 0) expect(exactNonInferiority({ b: b - 1, c: c + 1, n, margin })).toBeLessThanOrEqual(p + 1e-9)
        if (b + c < n) expect(exactNonInferiority({ b: b + 1, c, n, margin })).toBeGreaterThanOrEqual(p - 1e-9)
      }),
      { numRuns: rounds(40) },
    )
  })

  it('takes ten thousand and a hundred thousand pairs', () => {
    expect(exactNonInferiority({ b: 400, c: 330, n: 10_000, margin: 0.01 })).toBeGreaterThan(0.1)
    expect(exactNonInferiority({ b: 4000, c: 3900, n: 100_000, margin: 0.01 })).toBeLessThan(1e-6)
  })

  it('takes margin 0 and refuses margin 1', () => {
    expect(exactNonInferiority({ b: 0, c: 0, n: 50, margin: 0 })).toBeCloseTo(1, 9)
    expect(exactNonInferiority({ b: 0, c: 9, n: 50, margin: 0 })).toBeLessThan(0.01)
    expect(() => exactNonInferiority({ b: 0, c: 0, n: 50, margin: 1 })).toThrow('"margin"')
  })
})

describe('criticalScore', () => {
  it('passes exactly the outcomes whose exact p is at most alpha and whose score is significant', () => {
    for (const { n, margin } of [
      { n: 30, margin: 0.1 },
      { n: 60, margin: 0.05 },
    ]) {
      const critical = criticalScore({ n, margin })
      for (let t = 0; t <= n; t += 3) {
        for (let c = 0; c <= t; c++) {
          const z = tangoScore(t - c, c, n, -margin)
          if (z < 1 || z > 2.5) continue
          const both = z >= normalQuantile(0.95) && exactNonInferiority({ b: t - c, c, n, margin }) <= 0.05
          expect(z >= critical, `b = ${t - c}, c = ${c}, n = ${n}`).toBe(both)
        }
      }
    }
  })

  it('is never below the normal quantile and comes close to it with many items', () => {
    expect(criticalScore({ n: 5000, margin: 0.02 })).toBeGreaterThanOrEqual(normalQuantile(0.95))
    expect(criticalScore({ n: 5000, margin: 0.02 })).toBeLessThan(1.66)
  })
})

describe('false passes of a candidate that is worse by exactly the margin of two points', () => {
  const falsePass = (n: number, z: number, discordance: number) =>
    regionChance(scoreRegion({ n, margin: 0.02, z }), { discordance, difference: -0.02 })
  const scoreAlone = normalQuantile(0.95)

  it('the score test alone lets through 6.8 % at n = 133 and 6.0 % at n = 300, at discordance 2 %', () => {
    expect(falsePass(133, scoreAlone, 0.02)).toBeCloseTo(0.068, 3)
    expect(falsePass(300, scoreAlone, 0.02)).toBeCloseTo(0.06, 3)
  })

  // By exact enumeration: every discordance from the margin to 1 in steps of a thousandth.
  const worst = (n: number) => {
    const region = scoreRegion({ n, margin: 0.02, z: criticalScore({ n, margin: 0.02 }) })
    const steps = Array.from({ length: 981 }, (_, step) => 0.02 + step / 1000)
    return Math.max(...steps.map((q) => regionChance(region, { discordance: Math.min(1, q), difference: -0.02 })))
  }
  it('n = 133: score and exact test together let through at most 5 %', () => {
    expect(falsePass(133, criticalScore({ n: 133, margin: 0.02 }), 0.02)).toBeLessThanOrEqual(0.05)
    expect(worst(133)).toBeLessThanOrEqual(0.05)
  })
  it('n = 300: score and exact test together let through at most 5 %', () => {
    expect(falsePass(300, criticalScore({ n: 300, margin: 0.02 }), 0.02)).toBeLessThanOrEqual(0.05)
    expect(worst(300)).toBeLessThanOrEqual(0.05)
  })
  it.each([20, 68, 100, 149, 150, 500, 725, 2000])('n = %i: at most 5 %', (n) => {
    expect(worst(n)).toBeLessThanOrEqual(0.05)
  })
})
