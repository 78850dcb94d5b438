import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { floorPower, floorRequired, floorThreshold } from '../../src/statistics/index.js'

const reference = JSON.parse(readFileSync(new URL('reference/resampling.json', import.meta.url), 'utf8')) as {
  readonly floor: readonly (readonly [n: number, truth: number, floor: number, least: number, power: number])[]
}

describe('a plan for a floor', () => {
  it('agrees with the enumeration of SciPy', () => {
    for (const [n, truth, floor, least, power] of reference.floor) {
      expect(floorThreshold({ n, floor })).toBe(least)
      expect(floorPower({ n, truth, floor })).toBeCloseTo(power, 10)
    }
  })

  it.each([
    [0.35, 0.15, 0.8],
    [0.2, 0.15, 0.8],
    [0.99, 0.9, 0.8],
    [1, 0.95, 0.8],
    // The power falls short again at 25 sizes between 624 and 693.
    [0.97, 0.95, 0.8],
    [0.995, 0.99, 0.9],
    [0.5, 0.15, 0.05],
    [0.02, 0.001, 0.95],
  ])('certifies truth %d against floor %d with power %d from the required size on', (truth, floor, power) => {
    const n = floorRequired({ truth, floor, power })
    for (let size = n; size < 1.5 * n + 60; size += 1)
      expect(floorPower({ n: size, truth, floor }), `${size} items`).toBeGreaterThanOrEqual(power)
    expect(n === 1 || floorPower({ n: n - 1, truth, floor }) < power).toBe(true)
  })

  it('refuses a truth that is not above the floor', () => {
    expect(() => floorRequired({ truth: 0.1, floor: 0.15 })).toThrow(/above/)
  })
})
