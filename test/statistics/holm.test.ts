import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holm } from '../../src/statistics/holm.js'
import { reference } from './reference/reference.js'

const family = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 })

describe('holm', () => {
  it('agrees with statsmodels', () => {
    for (const [pValues, wanted] of reference.holm) {
      holm(pValues).forEach((p, index) => {
        expect(p).toBeCloseTo(wanted[index] as number, 14)
      })
    }
  })

  it('keeps order and lies between the p-value and Bonferroni', () => {
    fc.assert(
      fc.property(family, (pValues) => {
        const adjusted = holm(pValues)
        pValues.forEach((p, index) => {
          expect(adjusted[index]).toBeGreaterThanOrEqual(p)
          expect(adjusted[index]).toBeLessThanOrEqual(Math.max(p, Math.min(1, p * pValues.length)) + 1e-15)
          pValues.forEach((other, position) => {
            if (p <= other) expect(adjusted[index]).toBeLessThanOrEqual(adjusted[position] as number)
          })
        })
      }),
    )
  })

  it('leaves a family of one as it is, and takes none', () => {
    expect(holm([0.049])).toEqual([0.049])
    expect(holm([])).toEqual([])
  })

  it('refuses NaN, which no comparison would stop', () => {
    expect(() => holm([0.01, Number.NaN])).toThrow('Cannot use NaN as "p"')
  })
})
