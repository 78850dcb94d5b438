import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { harmThreshold, mcnemar } from '../../src/statistics/mcnemar.js'
import { regionChance } from '../../src/statistics/paired-region.js'
import { harmlessRegion } from '../../src/statistics/plan-non-inferiority.js'
import { isWhole } from '../whole.js'
import { closeness, columns, reference } from './reference/reference.js'

const count = fc.integer({ min: 0, max: 500 })

describe('mcnemar', () => {
  it('agrees with SciPy and statsmodels, up to a million pairs', () => {
    for (const row of reference.mcnemar) {
      const [b, c, exact, midP, twoSided] = columns(row)
      const result = mcnemar({ b, c })
      expect(closeness(result.exact, exact), `exact ${b}, ${c}`).toBeLessThan(1e-11)
      expect(closeness(result.midP, midP), `mid-p ${b}, ${c}`).toBeLessThan(1e-11)
      const doubled = Math.min(1, 2 * Math.min(result.exact, mcnemar({ b: c, c: b }).exact))
      expect(closeness(doubled, twoSided), `two-sided ${b}, ${c}`).toBeLessThan(1e-11)
    }
  })

  // Fagerland, Lydersen and Laake (2013) (Bentur et al., 2009), and Statistical Analysis of Contingency Tables
  // (2017), chapter 8 (Cavo et al., 2012). Theirs are two-sided.
  it.each([
    { b: 7, c: 1, exact: 0.0703, midP: 0.0391, digits: 4 },
    { b: 16, c: 6, exact: 0.052479, midP: 0.03469, digits: 6 },
  ])('gives half the published p-values of $b against $c', ({ b, c, exact, midP, digits }) => {
    expect(2 * mcnemar({ b, c }).exact).toBeCloseTo(exact, digits)
    expect(2 * mcnemar({ b, c }).midP).toBeCloseTo(midP, digits)
  })

  it('says nothing without discordant pairs', () => {
    expect(mcnemar({ b: 0, c: 0 })).toEqual({ exact: 1, midP: 0.5 })
  })

  it('does not call four wins and a tie harm, whichever model is which', () => {
    expect(mcnemar({ b: 0, c: 4 }).midP).toBeGreaterThan(0.95)
    // Four losses of five are evidence by mid-p (1/32) and are not by the exact test (1/16).
    expect(mcnemar({ b: 4, c: 0 })).toEqual({ exact: expect.closeTo(1 / 16, 14), midP: expect.closeTo(1 / 32, 14) })
  })

  it('mirrors when the models are swapped, and falls as losses grow', () => {
    fc.assert(
      fc.property(count, count, (b, c) => {
        expect(mcnemar({ b, c }).midP + mcnemar({ b: c, c: b }).midP).toBeCloseTo(1, 12)
        expect(mcnemar({ b: b + 1, c }).midP).toBeLessThanOrEqual(mcnemar({ b, c }).midP + 1e-14)
        expect(mcnemar({ b, c }).midP).toBeLessThanOrEqual(mcnemar({ b, c }).exact)
      }),
    )
  })

  it('refuses counts that are none', () => {
    for (const b of [-1, 0.5, Number.NaN, Infinity]) expect(() => mcnemar({ b, c: 1 })).toThrow('whole number')
  })
})

describe('harmThreshold', () => {
  it('is the last c that is harm, wherever the walk starts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: -1, max: 300 }), (discordant, near) => {
        const c = harmThreshold(discordant, 0.05, near)
        if (c >= 0) expect(mcnemar({ b: discordant - c, c }).midP).toBeLessThanOrEqual(0.05)
        expect(mcnemar({ b: discordant - c - 1, c: c + 1 }).midP).toBeGreaterThan(0.05)
      }),
      {
        examples: [
          [4, 2],
          [5, -1],
        ],
      },
    )
  })
})

describe('false fails of the mid-p test on identical models', () => {
  const falseFail = (n: number, discordance: number) =>
    1 - regionChance(harmlessRegion(n, 0.05), { discordance, difference: 0 })

  it('reach 5.015 % at n = 68 for discordances up to one half', () => {
    const worst = Math.max(...Array.from({ length: 501 }, (_, step) => falseFail(68, step / 1000)))
    expect(worst).toBeCloseTo(0.05015, 5)
  })

  it('stay below 5.1 % for every n up to 400 and discordances up to one half', () => {
    let worst = 0
    // 68 is among them.
    const every = isWhole ? 1 : 17
    for (let n = every; n <= 400; n += every) {
      for (let step = 1; step <= 25; step++) worst = Math.max(worst, falseFail(n, step / 50))
    }
    expect(worst).toBeLessThan(0.051)
    expect(worst).toBeGreaterThan(0.05015)
  })

  it('reach 7.3 % where the models disagree on all of 12 items', () => {
    expect(falseFail(12, 1)).toBeCloseTo(0.073, 3)
  })
})
