import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/core/index.js'
import { featuresOf, LabelErrorFinder } from '../../../src/dataset/quality/label-errors.js'

const alone = (row: number) => row

describe('the judging of labels', () => {
  it('collects nothing if there are too many labels and rows', () => {
    const half = 2 ** 23
    const enough = new LabelErrorFinder(
      new Map([
        ['a', half],
        ['b', half],
      ]),
    )
    expect(enough.judges('a')).toBe(true)
    const most = new LabelErrorFinder(
      new Map([
        ['a', half],
        ['b', half + 2 ** 23 + 1],
      ]),
    )
    expect(most.judges('a')).toBe(false)
    expect(most.find(alone)).toBe('Labels were not judged: 2 labels are too many for 25,165,825 rows.')
  })

  it('does not judge labels of fewer than five rows with text', () => {
    const finder = new LabelErrorFinder(
      new Map([
        ['a', 40],
        ['b', 30],
        ['rare', 4],
        ['empty', 9],
      ]),
    )
    expect(['a', 'b', 'rare', 'empty', 'unknown'].map((label) => finder.judges(label))).toEqual([
      ...[true, true, false, true, false],
    ])
    const random = seededRandom('label-errors')
    const text = (label: string) =>
      Array.from({ length: 12 }, () => `${label}${random.below(9)} w${random.below(500)}`).join(' ')
    for (let row = 0; row < 9; row += 1) finder.add(100 + row, featuresOf(row < 4 ? 'four texts' : ''), 'empty')
    for (let row = 0; row < 70; row += 1) {
      const label = row < 40 ? 'a' : 'b'
      // One wrong label.
      finder.add(row, featuresOf(text(row === 7 ? 'b' : label)), label)
    }
    expect(finder.find(alone)).toMatchObject([{ row: 7, label: 'a', suggested: 'b' }])
  })

  it('says how many rows it takes', () => {
    expect(new LabelErrorFinder(new Map()).find(alone)).toMatch(/takes 50 training rows with text/)
    expect(new LabelErrorFinder(new Map([['a', 100]])).find(alone)).toMatch(/takes 50 training rows with text/)
  })
})
