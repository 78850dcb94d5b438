import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { isWhole } from '../whole.js'

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, others for another, and for a fork', () => {
    const draw = (random: ReturnType<typeof seededRandom>) => Array.from({ length: 5 }, () => random.uint32())
    expect(draw(seededRandom(1))).toEqual(draw(seededRandom('1')))
    expect(draw(seededRandom(1))).not.toEqual(draw(seededRandom(2)))
    expect(draw(seededRandom(1).fork('a'))).not.toEqual(draw(seededRandom(1).fork('b')))
    const forked = seededRandom(3)
    forked.uint32()
    expect(draw(forked.fork('a'))).toEqual(draw(seededRandom(3).fork('a')))
  })

  it('keeps these numbers: weights depend on them', () => {
    const random = seededRandom(0)
    expect([random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
      [
        1878316018,
        3298828248,
        1905979418,
      ]
    `)
  })

  it('is uniform, and normal (means and variances within 5 standard errors of 100,000 draws)', () => {
    const random = seededRandom('moments')
    const moments = (draw: () => number) => {
      const values = Array.from({ length: 100_000 }, draw)
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length] as const
    }
    const [mean, variance] = moments(() => random.uniform())
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / 100_000))
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / 100_000))
    const [normalMean, normalVariance] = moments(() => random.normal())
    expect(Math.abs(normalMean)).toBeLessThan(5 * Math.sqrt(1 / 100_000))
    expect(Math.abs(normalVariance - 1)).toBeLessThan(5 * Math.sqrt(2 / 100_000))
  })

  it('shuffles: a permutation, in place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const shuffled = seededRandom(seed).shuffle([...items])
        expect([...shuffled].sort()).toEqual([...items].sort())
      }),
    )
  })
})

it('fillBelow is the same generator, without bias', () => {
  const limit = 2 ** 21 - 1
  const [one, other] = [seededRandom('fill'), seededRandom('fill')]
  const filled = new Uint32Array(1000)
  one.fillBelow(filled, limit)
  // The upper half of draw × limit: for a limit near a power of two next to nothing is left out.
  const drawn = Array.from({ length: 1000 }, () => Math.floor((other.uint32() * limit) / 2 ** 32))
  expect([...filled]).toEqual(drawn)
  expect(one.uint32()).toBe(other.uint32())

  const counts = new Uint32Array(7)
  const many = new Uint32Array(70_000)
  one.fillBelow(many, 7)
  for (const value of many) counts[value] = counts[value]! + 1
  // Six standard deviations of a count of 10,000.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(6 * Math.sqrt(10_000 * (6 / 7)))
  one.fillBelow(many, 1)
  expect(many.every((value) => value === 0)).toBe(true)
})

describe('resampledSum', () => {
  /** How often each of the values is drawn: the same seed draws the same, so that each mark counts its own. */
  const drawn = (size: number, marks: readonly ((index: number) => boolean)[], rounds: number) =>
    marks.map((mark) => {
      const sum = seededRandom(`sum ${size}`).resampledSum(Float64Array.from({ length: size }, (_, i) => +mark(i)))
      let total = 0
      for (let round = 0; round < rounds; round += 1) total += sum()
      return total
    })

  it.each([2, 3, 7, 64, 1000, 10_000, 46_341, 65_535, 65_536])('draws each of %i values as often', (size) => {
    const cells = Math.min(size, isWhole ? 50 : 12)
    const rounds = Math.ceil(200_000 / size)
    // By the upper digits and by the lower: a bias may be in either.
    const byUpper = (index: number) => Math.floor((index * cells) / size)
    const byLower = (index: number) => index % cells
    for (const cellOf of [byUpper, byLower]) {
      const expected = new Float64Array(cells)
      for (let index = 0; index < size; index += 1) expected[cellOf(index)]! += rounds
      const marks = Array.from({ length: cells }, (_, cell) => (index: number) => cellOf(index) === cell)
      const counts = drawn(size, marks, rounds)
      expect(counts.reduce((sum, count) => sum + count)).toBe(size * rounds)
      const chiSquare = counts.reduce((sum, count, cell) => sum + (count - expected[cell]!) ** 2 / expected[cell]!, 0)
      // Six standard deviations of a chi-square with cells − 1 degrees of freedom, above and below.
      expect(Math.abs(chiSquare - (cells - 1))).toBeLessThan(6 * Math.sqrt(2 * (cells - 1)))
    }
  })

  it('has the spread of independent draws', () => {
    // A sum of n draws of ±1 has the variance n: neighbours that hang together would show.
    const sum = seededRandom('spread').resampledSum(Float64Array.from({ length: 999 }, (_, i) => (i % 2) * 2 - 1))
    let squares = 0
    for (let round = 0; round < 5000; round += 1) squares += (sum() + 1) ** 2
    expect(Math.abs(squares / 5000 / 999 - 1)).toBeLessThan(5 * Math.sqrt(2 / 5000))
  })

  it('of one value is that value; the same seed gives the same', () => {
    expect(seededRandom(1).resampledSum(Float64Array.of(2.5))()).toBe(2.5)
    const values = Float64Array.from({ length: 101 }, (_, index) => Math.sin(index))
    const [one, other] = [seededRandom('same').resampledSum(values), seededRandom('same').resampledSum(values)]
    expect([one(), one(), one()]).toEqual([other(), other(), other()])
  })
})
