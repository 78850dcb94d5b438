import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NumberColumn, NumberLists } from '../../src/dataset/number-lists.js'
import { NameColumn, NameNumbers, nameBytes } from '../../src/dataset/quality/text-names.js'

const chunkLength = 2 ** 20

describe('lists of numbers', () => {
  it('are read as they were added', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(0xffff), { maxLength: 30 })), (all) => {
        const lists = new NumberLists<Uint16Array>((length) => new Uint16Array(length))
        for (const [index, list] of all.entries()) expect(lists.add(Uint16Array.from(list))).toBe(index)
        expect(lists.size).toBe(all.length)
        expect(all.map((_, index) => [...lists.at(index)])).toEqual(all)
        expect(all.map((_, index) => lists.lengthOf(index))).toEqual(all.map(({ length }) => length))
      }),
    )
  })

  it('are in one chunk each, also an empty one at the end of a full chunk', () => {
    const lists = new NumberLists<Uint32Array>((length) => new Uint32Array(length))
    const sizes = [chunkLength - 3, 3, 0, chunkLength, 0, 5, chunkLength - 1, 7]
    for (const [index, size] of sizes.entries()) lists.add(new Uint32Array(size).fill(index + 1))
    for (const [index, size] of sizes.entries()) {
      const list = lists.at(index)
      expect([list.length, list[0], list.at(-1)]).toEqual([
        size,
        ...(size === 0 ? [undefined, undefined] : [index + 1, index + 1]),
      ])
    }
  })

  it('of a column grow', () => {
    const column = new NumberColumn()
    for (let value = 0; value < 5000; value += 1) column.add(2 ** 32 - 1 - value)
    column.set(1, 7)
    expect([column.size, column.at(0), column.at(1), column.at(4999)]).toEqual([5000, 2 ** 32 - 1, 7, 2 ** 32 - 5000])
  })
})

describe('names of texts', () => {
  // Few different bytes, so that names share their first ones and have slots in common.
  const name = fc
    .array(fc.constantFrom(0, 1, 127, 128, 255), { minLength: nameBytes, maxLength: nameBytes })
    .map((codes) => String.fromCharCode(...codes))

  it('are numbered in the order in which they come', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 2000 }), (all) => {
        const names = new NameNumbers()
        const known = new Map<string, number>()
        for (const one of all) {
          const expected = { number: known.get(one) ?? known.size, isNew: !known.has(one) }
          expect(names.add(one)).toEqual(expected)
          known.set(one, expected.number)
        }
      }),
    )
  })

  it('are found again after the table has grown', () => {
    const names = new NameNumbers()
    const nameOf = (number: number) => String(number).padStart(4, '0').padEnd(nameBytes, '\xff')
    for (let number = 0; number < 5000; number += 1) names.add(nameOf(number))
    for (let number = 0; number < 5000; number += 1) expect(names.add(nameOf(number))).toEqual({ number, isNew: false })
  })

  it('in a column are equal if all bytes are', () => {
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 40 }), (all) => {
        const column = new NameColumn(1)
        for (const [index, one] of all.entries()) column.set(index, one)
        for (const [index, one] of all.entries()) {
          expect(column.isEqual(0, index)).toBe(one === all[0])
          expect(column.has(index, all[0]!)).toBe(one === all[0])
        }
      }),
    )
  })
})
