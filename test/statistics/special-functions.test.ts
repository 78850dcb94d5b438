import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binomialPmf } from '../../src/statistics/binomial.js'
import { binomialCdf, binomialUpperTail } from '../../src/statistics/binomial-tail.js'
import { logGamma } from '../../src/statistics/gamma.js'
import { inverseRegularizedBeta, regularizedBeta } from '../../src/statistics/incomplete-beta.js'
import { normalCdf, normalQuantile } from '../../src/statistics/normal.js'
import { closeness, columns, reference } from './reference/reference.js'

// SciPy's own functions are good to about 1e-14; at arguments of a million both sides lose two digits more.
const tolerance = 1e-11

describe('special functions agree with SciPy', () => {
  it('normal distribution', () => {
    for (const row of reference.normalCdf) {
      const [z, wanted] = columns(row)
      expect(closeness(normalCdf(z), wanted), `cdf(${z})`).toBeLessThan(1e-14)
    }
    for (const row of reference.normalQuantile) {
      const [p, wanted] = columns(row)
      expect(closeness(normalQuantile(p), wanted), `quantile(${p})`).toBeLessThan(1e-14)
    }
  })

  it('log gamma', () => {
    for (const row of reference.logGamma) {
      const [x, wanted] = columns(row)
      expect(closeness(logGamma(x), wanted), `logGamma(${x})`).toBeLessThan(1e-14)
    }
  })

  it('binomial probabilities, relative even in the far tail', () => {
    for (const row of reference.binomialPmf) {
      const [k, n, p, wanted] = columns(row)
      expect(Math.abs(binomialPmf(k, n, p) / wanted - 1), `pmf(${k}, ${n}, ${p})`).toBeLessThan(tolerance)
    }
  })

  it('regularized incomplete beta', () => {
    for (const row of reference.regularizedBeta) {
      const [x, a, b, wanted] = columns(row)
      expect(Math.abs(regularizedBeta(x, a, b) - wanted), `I(${x}; ${a}, ${b})`).toBeLessThan(tolerance)
    }
  })

  it('its inverse', () => {
    for (const row of reference.inverseBeta) {
      const [p, a, b, wanted] = columns(row)
      expect(Math.abs(inverseRegularizedBeta(p, a, b) / wanted - 1), `(${p}; ${a}, ${b})`).toBeLessThan(1e-10)
    }
  })
})

describe('special functions', () => {
  it('have the exact values that they must have', () => {
    expect([normalCdf(-Infinity), normalCdf(Infinity)]).toEqual([0, 1])
    expect([normalQuantile(0), normalQuantile(0.5), normalQuantile(1)]).toEqual([-Infinity, 0, Infinity])
    expect([regularizedBeta(0, 2, 3), regularizedBeta(1, 2, 3)]).toEqual([0, 1])
    expect([inverseRegularizedBeta(0, 2, 3), inverseRegularizedBeta(1, 2, 3)]).toEqual([0, 1])
    expect([binomialPmf(-1, 3, 0.5), binomialPmf(4, 3, 0.5), binomialPmf(0, 3, 0), binomialPmf(3, 3, 1)]).toEqual([
      0, 0, 1, 1,
    ])
    expect([binomialCdf(-1, 3, 0.5), binomialCdf(3, 3, 0.5)]).toEqual([0, 1])
    expect([binomialUpperTail(0, 3, 0.5), binomialUpperTail(4, 3, 0.5)]).toEqual([1, 0])
  })

  it('end, with an answer or an error, for what is not a number', () => {
    expect(binomialPmf(3, 10, Number.NaN)).toBeNaN()
    expect(() => regularizedBeta(Number.NaN, 1, 1)).toThrow('Cannot use NaN as "x"')
    expect(() => normalQuantile(Number.NaN)).toThrow('Cannot use NaN as "p"')
  })

  it('are their own inverses', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1 - 1e-12, noNaN: true }), (p) => {
        expect(closeness(normalCdf(normalQuantile(p)), p)).toBeLessThan(1e-14)
      }),
    )
    const shape = fc.double({ min: 1, max: 5000, noNaN: true })
    fc.assert(
      fc.property(shape, shape, fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), (a, b, p) => {
        expect(Math.abs(regularizedBeta(inverseRegularizedBeta(p, a, b), a, b) - p)).toBeLessThan(1e-10)
      }),
    )
  })

  it('add up: lower tail, upper tail and single terms', () => {
    const trials = fc.integer({ min: 1, max: 400 })
    fc.assert(
      fc.property(
        trials,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, share, p) => {
          const k = Math.floor(share * n)
          expect(binomialCdf(k - 1, n, p) + binomialUpperTail(k, n, p)).toBeCloseTo(1, 12)
          expect(binomialCdf(k, n, p) - binomialCdf(k - 1, n, p)).toBeCloseTo(binomialPmf(k, n, p), 12)
        },
      ),
    )
  })
})
