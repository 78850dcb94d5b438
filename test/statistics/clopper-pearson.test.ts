import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binomialPmf } from '../../src/statistics/binomial.js'
import { binomialLowerBound, binomialUpperBound, clopperPearson } from '../../src/statistics/clopper-pearson.js'
import { columns, reference } from './reference/reference.js'

const someCounts = fc
  .integer({ min: 1, max: 3000 })
  .chain((trials) => fc.record({ trials: fc.constant(trials), successes: fc.integer({ min: 0, max: trials }) }))

describe('clopperPearson', () => {
  it('agrees with statsmodels', () => {
    for (const row of reference.clopperPearson) {
      const [successes, trials, confidence, lower, upper] = columns(row)
      const interval = clopperPearson({ successes, trials, confidence })
      expect(Math.abs(interval.lower - lower), `lower ${successes}/${trials}`).toBeLessThan(1e-11)
      expect(Math.abs(interval.upper - upper), `upper ${successes}/${trials}`).toBeLessThan(1e-11)
    }
  })

  // M. W. Fagerland, S. Lydersen and P. Laake, Statistical Analysis of Contingency Tables (2017), chapter 2, 13 of 16
  // (Ligarden et al., 2010); the ends as their R package `contingencytables` tests them.
  it.each([
    [13, 16, 0.5435, 0.9595],
    [10, 10, 0.6915, 1],
    [0, 10, 0, 0.3085],
  ])('gives the published interval of %i of %i', (successes, trials, lower, upper) => {
    const interval = clopperPearson({ successes, trials })
    expect(interval.lower).toBeCloseTo(lower, 4)
    expect(interval.upper).toBeCloseTo(upper, 4)
  })

  it('holds the estimate, mirrors, and grows with confidence', () => {
    fc.assert(
      fc.property(someCounts, ({ successes, trials }) => {
        const narrow = clopperPearson({ successes, trials, confidence: 0.9 })
        const wide = clopperPearson({ successes, trials, confidence: 0.99 })
        const mirrored = clopperPearson({ successes: trials - successes, trials, confidence: 0.9 })
        expect(narrow.lower).toBeLessThanOrEqual(successes / trials)
        expect(narrow.upper).toBeGreaterThanOrEqual(successes / trials)
        expect(wide.lower).toBeLessThanOrEqual(narrow.lower)
        expect(wide.upper).toBeGreaterThanOrEqual(narrow.upper)
        expect(mirrored.lower).toBeCloseTo(1 - narrow.upper, 12)
      }),
    )
  })

  it('covers the truth at least as often as promised, by enumeration', () => {
    const trials = 37
    const bounds = Array.from({ length: trials + 1 }, (_, k) => binomialLowerBound(k, trials, 0.05))
    for (let truth = 0.005; truth < 1; truth += 0.005) {
      const missed = bounds.reduce((sum, bound, k) => sum + (bound > truth ? binomialPmf(k, trials, truth) : 0), 0)
      expect(missed).toBeLessThanOrEqual(0.05 + 1e-12)
    }
  })
})

describe('one-sided bounds', () => {
  it('reach a floor of 0.15 at the observed shares of the design notes', () => {
    const least = [20, 50, 100, 200, 500].map((trials) => {
      const counts = Array.from({ length: trials + 1 }, (_, k) => k)
      return (counts.find((k) => binomialLowerBound(k, trials, 0.05) >= 0.15) as number) / trials
    })
    expect(least).toEqual([0.35, 0.26, 0.22, 0.195, 0.178])
  })

  it('certify a loss of at most 1 % from 299 items without one, and of 2 % from 149', () => {
    expect(binomialUpperBound(0, 299, 0.05)).toBeLessThanOrEqual(0.01)
    expect(binomialUpperBound(0, 298, 0.05)).toBeGreaterThan(0.01)
    expect(binomialUpperBound(0, 149, 0.05)).toBeLessThanOrEqual(0.02)
    expect(binomialUpperBound(0, 148, 0.05)).toBeGreaterThan(0.02)
  })

  it('refuse what is no proportion', () => {
    expect(() => binomialLowerBound(5, 4, 0.05)).toThrow('Cannot use 5 as "successes"')
    expect(() => binomialLowerBound(1.5, 4, 0.05)).toThrow('whole number')
    expect(() => binomialUpperBound(0, 0, 0.05)).toThrow('"trials"')
    expect(() => clopperPearson({ successes: 1, trials: 2, confidence: 95 })).toThrow('"confidence"')
  })
})
