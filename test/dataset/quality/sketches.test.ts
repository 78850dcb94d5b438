import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/core/index.js'
import { groupSimilar, SketchSet } from '../../../src/dataset/sketch-set.js'
import { bandKey, bandPlan, similarityOf, sketchOf, sketchSize } from '../../../src/dataset/text-sketch.js'
import { isWhole } from '../../whole.js'

const random = seededRandom('sketches')
const letters = 'abcdefghijklmnopqrstuvwxyz'
const word = () => Array.from({ length: 5 }, () => letters[random.below(26)]).join('')
const words = (count: number) => Array.from({ length: count }, word)
const pairsOf = (text: string) => {
  const list = text.toLowerCase().split(' ')
  return new Set(list.slice(1).map((next, index) => `${list[index]} ${next}`))
}
function jaccard(one: string, other: string): number {
  const [left, right] = [pairsOf(one), pairsOf(other)]
  const shared = [...left].filter((pair) => right.has(pair)).length
  return shared / (left.size + right.size - shared)
}
/** Two texts of which the second has a share of the words replaced. */
function variants(count: number, replaced: number): readonly [string, string] {
  const list = words(count)
  const changed = list.map((each) => (random.uniform() < replaced ? word() : each))
  return [list.join(' '), changed.join(' ')]
}
const sketch = (text: string) => sketchOf(text, { numbersAlike: false })

describe('a sketch', () => {
  it('gives the exact similarity of texts whose word pairs it holds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, replaced) => {
        const [one, other] = variants(count, replaced)
        expect(similarityOf(sketch(one), sketch(other))).toBeCloseTo(jaccard(one, other), 12)
      }),
      { numRuns: 100, seed: 1 },
    )
  })

  it('estimates the similarity of longer texts within five standard errors', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 400, max: 3000 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (count, replaced) => {
          const [one, other] = variants(count, replaced)
          const exact = jaccard(one, other)
          // Of a sample of this many pairs without replacement.
          const error = Math.sqrt((exact * (1 - exact)) / sketchSize)
          expect(Math.abs(similarityOf(sketch(one), sketch(other)) - exact)).toBeLessThanOrEqual(5 * error + 1e-12)
        },
      ),
      { numRuns: 100, seed: 2 },
    )
  })

  it('is the same for plain text and for text with other letters in it', () => {
    const list = words(60)
    const plain = sketch(list.join(' '))
    const marked = sketch(`${list.join(' – ')} é`)
    expect(similarityOf(plain, marked)).toBeGreaterThan(0.95)
    expect(sketch(list.join(', ').toUpperCase())).toEqual(plain)
  })

  it('of a text of 50 MB takes its beginning', () => {
    const text = 'lorem ipsum '.repeat(4_400_000)
    // Two pairs, and the one with the word that the limit cuts.
    expect(sketch(text)).toHaveLength(3)
  })
})

describe('bands', () => {
  it.each([0.5, 0.7, 0.8, 0.95])('texts with a similarity of %d meet, and unlike texts do not', (similarity) => {
    const plan = bandPlan(similarity)
    const meet = (one: Uint32Array, other: Uint32Array) =>
      Array.from({ length: plan.bands }, (_, band) => band).some(
        (band) => bandKey(one, band, plan) === bandKey(other, band, plan),
      )
    let [alike, met, metByChance] = [0, 0, 0]
    const others = Array.from({ length: 300 }, () => sketch(words(60).join(' ')))
    for (let round = 0; round < 600; round += 1) {
      const [one, other] = variants(60, (1 - similarity) / 3)
      if (jaccard(one, other) < similarity) continue
      alike += 1
      if (meet(sketch(one), sketch(other))) met += 1
    }
    for (let round = 0; round < 299; round += 1) if (meet(others[round]!, others[round + 1]!)) metByChance += 1
    expect(alike).toBeGreaterThan(100)
    // The plan promises 0.999.
    expect(met / alike).toBeGreaterThan(0.99)
    expect(metByChance).toBe(0)
  })

  it('many equal texts, and as many that differ in a word, are one group in linear time', () => {
    const list = words(20)
    const [equal, similar] = [new SketchSet(0.8), new SketchSet(0.8)]
    const one = sketch(list.join(' '))
    let compared = 0
    class Counted extends SketchSet {
      override areAlike(left: number, right: number, similarity?: number): boolean {
        compared += 1
        return super.areAlike(left, right, similarity)
      }
    }
    const counted = new Counted(0.8)
    const [equals, similars] = isWhole ? [100_000, 5_000] : [20_000, 1_000]
    for (let index = 0; index < equals; index += 1) equal.add(one)
    for (let index = 0; index < similars; index += 1) {
      similar.add(sketch(`${list.join(' ')} v${index}`))
      counted.add(sketch(`${list.join(' ')} v${index}`))
    }
    for (const [set, size] of [
      [equal, equals],
      [similar, similars],
      [counted, similars],
    ] as const) {
      const groups = groupSimilar(set)
      expect(new Set(Array.from({ length: size }, (_, index) => groups.rootOf(index))).size).toBe(1)
    }
    expect(compared).toBeLessThan(8 * 64 * similars)
  })
})
