import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { harmThreshold, mcnemar } from '../../src/statistics/mcnemar.js'
import { regionChance } from '../../src/statistics/paired-region.js'
import { harmlessRegion, planNonInferiority } from '../../src/statistics/plan-non-inferiority.js'
import {
  minimumItemsForMargin,
  requiredItems,
  smallestDetectableDrop,
  smallestMargin,
} from '../../src/statistics/plan-size.js'
import { rounds } from '../whole.js'
import { reference } from './reference/reference.js'

const percent = (chance: number) => (100 * chance).toFixed(1)

// The table of the design notes: discordance 10 %, margin 2 points, Tango's test alone.
const table = [
  { change: 0, n: 100, worse: '43.6', mcnemarFails: '2.3', verdicts: '14.7 / 4.2 / 81.0' },
  { change: 0, n: 500, worse: '47.2', mcnemarFails: '3.8', verdicts: '39.8 / 4.9 / 55.3' },
  { change: 0, n: 2000, worse: '48.6', mcnemarFails: undefined, verdicts: '87.8 / 5.0 / 7.2' },
  { change: -0.02, n: 500, worse: '91.2', mcnemarFails: '35.9', verdicts: '4.9 / 40.7 / 54.4' },
  { change: -0.05, n: 100, worse: '93.0', mcnemarFails: '34.8', verdicts: '0.5 / 45.3 / 54.3' },
  { change: -0.05, n: 500, worse: '100.0', mcnemarFails: '97.0', verdicts: '0.0 / 97.8 / 2.2' },
]

describe('planNonInferiority', () => {
  it.each(table)('reproduces the table: change $change, n = $n', ({ change, n, worse, mcnemarFails, verdicts }) => {
    const chances = { discordance: 0.1, difference: change }
    const notWorse = Int32Array.from({ length: n + 1 }, (_, t) => Math.ceil(t / 2))
    expect(percent(1 - regionChance(notWorse, chances))).toBe(worse)
    if (mcnemarFails) {
      const exactPasses = Int32Array.from({ length: n + 1 }, (_, t) => {
        let c = 0
        while (c <= t && mcnemar({ b: t - c, c }).exact <= 0.05) c++
        return c
      })
      expect(percent(1 - regionChance(exactPasses, chances))).toBe(mcnemarFails)
    }
    const plan = planNonInferiority({ n, discordance: 0.1, margin: 0.02, trueDifference: change, engine: 'score' })
    expect([plan.pass, plan.fail, plan.inconclusive].map(percent).join(' / ')).toBe(verdicts)
  })

  it('reproduces the other figures of the design notes', () => {
    const pass = (n: number, alpha = 0.05) =>
      percent(planNonInferiority({ n, discordance: 0.04, margin: 0.02, alpha, engine: 'score' }).pass)
    expect([pass(1000), pass(2000)]).toEqual(['92.1', '99.7'])
    // 725 items; Bonferroni over 50 releases costs most of the power.
    expect([pass(725), pass(725, 0.05 / 50)]).toEqual(['82.9', '23.6'])
  })

  it('agrees with an enumeration of every outcome, with and without the exact test', () => {
    for (const [n, discordance, trueDifference, margin, engine, pass, fail, inconclusive] of reference.plan) {
      const plan = planNonInferiority({ n, discordance, trueDifference, margin, engine })
      const name = `n = ${n}, discordance ${discordance}, ${engine}`
      expect(plan.pass, name).toBeCloseTo(pass, 9)
      expect(plan.fail, name).toBeCloseTo(fail, 9)
      expect(plan.inconclusive, name).toBeCloseTo(inconclusive, 9)
    }
  })

  it('gives chances that add up, more passes to a better candidate, and fewer with the exact test', () => {
    const options = fc.record({
      n: fc.integer({ min: 1, max: 400 }),
      discordance: fc.double({ min: 0, max: 1, noNaN: true }),
      margin: fc.double({ min: 0.005, max: 0.3, noNaN: true }),
      share: fc.double({ min: -1, max: 0.9, noNaN: true }),
    })
    fc.assert(
      fc.property(options, ({ share, ...rest }) => {
        const trueDifference = share * rest.discordance
        const plan = planNonInferiority({ ...rest, trueDifference })
        expect(plan.pass + plan.fail + plan.inconclusive).toBeCloseTo(1, 10)
        expect(Math.min(plan.pass, plan.fail, plan.inconclusive)).toBeGreaterThanOrEqual(0)
        const better = planNonInferiority({
          ...rest,
          trueDifference: Math.min(rest.discordance, trueDifference + 0.1 * rest.discordance),
        })
        expect(better.pass).toBeGreaterThanOrEqual(plan.pass - 1e-10)
        const scoreAlone = planNonInferiority({ ...rest, trueDifference, engine: 'score' })
        expect(plan.pass).toBeLessThanOrEqual(scoreAlone.pass + 1e-12)
      }),
      { numRuns: rounds(60) },
    )
  })

  it('refuses a difference larger than the discordance, and a margin that is none', () => {
    expect(() => planNonInferiority({ n: 10, discordance: 0.1, margin: 0.02, trueDifference: -0.2 })).toThrow(
      '"trueDifference"',
    )
    expect(() => planNonInferiority({ n: 10, discordance: 0.1, margin: 0.02, trueDifference: Number.NaN })).toThrow(
      '"trueDifference"',
    )
    for (const engine of ['score', 'score-and-exact'] as const) {
      for (const margin of [Number.NaN, -0.02, 2]) {
        expect(() => planNonInferiority({ n: 10, discordance: 0.1, margin, engine })).toThrow('"margin"')
      }
    }
  })
})

describe('smallestMargin', () => {
  // The design notes give them rounded up to half a point, at 4 % and 10 % discordance.
  it.each([
    [100, 6.5, 9],
    [300, 3.5, 5],
    [500, 2.5, 4],
    [1000, 2, 3],
    [2000, 1.5, 2],
  ])('n = %i: %f to %f points', (n, low, high) => {
    const points = [0.04, 0.1].map((discordance) => Math.ceil(200 * smallestMargin({ n, discordance })) / 2)
    expect(points).toEqual([low, high])
  })

  it('passes an identical candidate at the margin, and not 0.01 points below', () => {
    for (const n of [60, 300]) {
      const margin = smallestMargin({ n, discordance: 0.07 })
      expect(planNonInferiority({ n, discordance: 0.07, margin }).pass).toBeGreaterThanOrEqual(0.8)
      expect(planNonInferiority({ n, discordance: 0.07, margin: margin - 0.0001 }).pass).toBeLessThan(0.8)
    }
  })
})

describe('minimumItemsForMargin', () => {
  it('is 149 for two points, 133 by the score test alone', () => {
    expect(minimumItemsForMargin(0.02)).toBe(149)
    // More than there are items anywhere: an answer, and at once.
    expect(minimumItemsForMargin(1e-9)).toBeGreaterThan(2.9e9)
    expect(minimumItemsForMargin(0.02, { engine: 'score' })).toBe(133)
    expect(minimumItemsForMargin(0.01)).toBe(299)
    expect(minimumItemsForMargin(0.3)).toBe(10)
  })

  it('is where models that never disagree begin to pass', () => {
    for (const engine of ['score', 'score-and-exact'] as const) {
      for (const margin of [0.01, 0.02, 0.035, 0.1, 0.3]) {
        const n = minimumItemsForMargin(margin, { engine })
        expect(planNonInferiority({ n, discordance: 0, margin, engine }).pass).toBe(1)
        expect(planNonInferiority({ n: n - 1, discordance: 0, margin, engine }).pass).toBe(0)
      }
    }
  })
})

describe('requiredItems', () => {
  it('gives a number of items that reaches the power, near what a normal approximation says', () => {
    for (const [discordance, margin] of [
      [0.02, 0.02],
      [0.04, 0.02],
      [0.1, 0.02],
      [0.1, 0.05],
    ] as const) {
      const n = requiredItems({ discordance, margin })
      expect(planNonInferiority({ n, discordance, margin }).pass).toBeGreaterThanOrEqual(0.8)
      const approximate = discordance * ((1.6449 + 0.8416) / margin) ** 2
      expect(n / approximate).toBeGreaterThan(0.9)
      expect(n / approximate).toBeLessThan(1.4)
    }
  })

  it('gives a number that passes by the plan, after one that does not', () => {
    const options = fc.record({
      discordance: fc.double({ min: 0, max: 0.3, noNaN: true }),
      margin: fc.double({ min: 0.04, max: 0.3, noNaN: true }),
      alpha: fc.constantFrom(0.05, 0.025, 0.01),
      power: fc.double({ min: 0.1, max: 0.95, noNaN: true }),
    })
    fc.assert(
      fc.property(options, ({ power, ...rest }) => {
        const n = requiredItems({ ...rest, power })
        expect(planNonInferiority({ ...rest, n }).pass).toBeGreaterThanOrEqual(power)
        if (n > 1) expect(planNonInferiority({ ...rest, n: n - 1 }).pass).toBeLessThan(power)
      }),
      { numRuns: rounds(40) },
    )
  })

  it('never asks fewer than the minimum, and says when no set is large enough', () => {
    expect(requiredItems({ discordance: 0, margin: 0.02 })).toBe(149)
    expect(requiredItems({ discordance: 0.1, margin: 0.00001 })).toBe(Infinity)
    expect(() => requiredItems({ discordance: 0.1, margin: 0 })).toThrow('"margin"')
  })
})

describe('smallestDetectableDrop', () => {
  it('is seen with the asked power, and a smaller one is not', () => {
    for (const [n, discordance] of [
      [20, 0.1],
      [100, 0.1],
      [725, 0.04],
    ] as const) {
      const drop = smallestDetectableDrop({ n, discordance }) as number
      const seen = (size: number) =>
        1 - regionChance(harmlessRegion(n, 0.05), { discordance: Math.max(discordance, size), difference: -size })
      expect(seen(drop)).toBeGreaterThanOrEqual(0.8)
      expect(seen(drop - 1e-4)).toBeLessThan(0.8)
    }
  })

  it('is undefined where not even losing every item is evidence', () => {
    expect(harmThreshold(3, 0.05)).toBe(-1)
    expect(smallestDetectableDrop({ n: 3, discordance: 0.1 })).toBeUndefined()
    expect(smallestDetectableDrop({ n: 4, discordance: 0.1 })).toBeCloseTo(0.8 ** 0.25, 5)
  })
})
