import { describe, expect, it } from 'vitest'
import { binomialPmf } from '../../src/statistics/binomial.js'
import { binomialUpperTail } from '../../src/statistics/binomial-tail.js'
import { regionChance, scoreRegion } from '../../src/statistics/paired-region.js'

describe('regionChance', () => {
  // Every t by itself, with a tail of its own: slow, and nothing is carried along or left out.
  const summed = (region: Int32Array, discordance: number, difference: number) => {
    const n = region.length - 1
    const gain = (1 + difference / discordance) / 2
    let sum = 0
    for (let t = 0; t <= n; t += 1)
      sum += binomialPmf(t, n, discordance) * (region[t]! > t ? 0 : binomialUpperTail(region[t]!, t, gain))
    return sum
  }

  it.each([1.6449, 3, -2, 12, -12])('is the sum over all outcomes, far from the edge too: z = %d', (z) => {
    const [n, margin] = [3000, 0.02]
    const region = scoreRegion({ n, margin, z })
    for (const discordance of [0.021, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9, 0.99])
      for (const difference of [-margin, 0, 0.015])
        expect(
          Math.abs(regionChance(region, { discordance, difference }) - summed(region, discordance, difference)),
          `${discordance} ${difference}`,
        ).toBeLessThan(1e-11)
  })
})
