import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { unitPosition, variantOf } from '../../src/experiment/index.js'

/** Seed, unit, `hash(seed, unit, 2)` and the variation at the shares 0.01, 0.1, 0.3 and 0.5, by @growthbook/growthbook 1.8.0. */
const reference = JSON.parse(readFileSync(new URL('growthbook.json', import.meta.url), 'utf8')) as readonly (readonly [
  string,
  string,
  number,
  readonly number[],
])[]

describe('the assignment', () => {
  it('agrees with the SDK of GrowthBook', () => {
    for (const [seed, unit, position, variations] of reference) {
      expect(unitPosition(seed, unit)).toBe(position)
      const variants = [0.01, 0.1, 0.3, 0.5].map((share) => variantOf(seed, unit, share))
      expect(variants).toEqual(variations.map((variation) => (variation === 1 ? 'treatment' : 'control')))
    }
  })

  it('gives the share to the treatment, and keeps a unit there when the share grows', () => {
    const units = Array.from({ length: 20_000 }, (_, index) => `unit-${index}`)
    let previous = new Set<string>()
    for (const share of [0.01, 0.1, 0.5, 0.9]) {
      const treated = new Set(units.filter((unit) => variantOf('mail', unit, share) === 'treatment'))
      // Four standard errors.
      expect(Math.abs(treated.size / units.length - share)).toBeLessThan(
        4 * Math.sqrt((share * (1 - share)) / units.length),
      )
      expect([...previous].every((unit) => treated.has(unit))).toBe(true)
      previous = treated
    }
  })

  it('is independent between tests', () => {
    const both = Array.from({ length: 20_000 }, (_, index) => `unit-${index}`).filter(
      (unit) => variantOf('a', unit, 0.5) === 'treatment' && variantOf('b', unit, 0.5) === 'treatment',
    )
    expect(Math.abs(both.length / 20_000 - 0.25)).toBeLessThan(0.013)
  })
})
