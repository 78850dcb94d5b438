import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { wilson } from '../../src/statistics/index.js'

type Row = readonly [number, number, number, number, number]
const reference = JSON.parse(readFileSync(new URL('reference/resampling.json', import.meta.url), 'utf8')) as {
  readonly wilson: readonly Row[]
}

describe('wilson', () => {
  it('agrees with statsmodels', () => {
    for (const [successes, trials, confidence, lower, upper] of reference.wilson) {
      const interval = wilson({ successes, trials, confidence })
      expect(interval.lower).toBeCloseTo(lower, 12)
      expect(interval.upper).toBeCloseTo(upper, 12)
    }
  })

  it('refuses more successes than trials', () => {
    expect(() => wilson({ successes: 2, trials: 1 })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})
