import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/core/index.js'
import { featuresOf, LabelErrorFinder } from '../../../src/dataset/quality/label-errors.js'

const alone = (row: number) => row

describe('the judging of labels', () => {
  it('judges no labels if they and their rows are too many, and counts only rows with text', () => {
    const [words, none] = [featuresOf('some words'), featuresOf('!!!')]
    const added = (rows: number, labels: number, features = words) => {
      const finder = new LabelErrorFinder()
      for (let row = 0; row < rows; row += 1) finder.add(row, features, `label ${row % labels}`)
      return finder
    }
    // 2²⁵ is the product of 4,096 labels and 8,192 rows, but each label takes five rows.
    const [labels, most] = [2048, 2 ** 14]
    const learned = /cannot predict them better/
    expect(added(most, labels).find(alone)).toMatch(learned)
    const more = added(most + 1, labels)
    expect(more.find(alone)).toBe('Labels were not judged: 2048 labels are too many for 16,385 rows.')
    more.add(most + 1, words, 'label 0')
    expect(more.find(alone)).toMatch(/for 16,386 rows/)
    const withEmpty = added(most, labels)
    for (let row = 0; row < 9; row += 1) withEmpty.add(most + row, none, 'another')
    expect(withEmpty.find(alone)).toMatch(learned)
  })

  it('does not judge labels of fewer than five rows with text', () => {
    const finder = new LabelErrorFinder()
    const random = seededRandom('label-errors')
    const text = (label: string) =>
      Array.from({ length: 12 }, () => `${label}${random.below(9)} w${random.below(500)}`).join(' ')
    for (let row = 0; row < 9; row += 1) finder.add(100 + row, featuresOf(row < 4 ? text('b') : ''), 'rare')
    for (let row = 0; row < 70; row += 1) {
      const label = row < 40 ? 'a' : 'b'
      // One wrong label.
      finder.add(row, featuresOf(text(row === 7 ? 'b' : label)), label)
    }
    expect(finder.find(alone)).toMatchObject([{ row: 7, label: 'a', suggested: 'b' }])
  })

  it('says how many rows it takes', () => {
    expect(new LabelErrorFinder().find(alone)).toMatch(/takes 50 training rows with text/)
    const one = new LabelErrorFinder()
    for (let row = 0; row < 100; row += 1) one.add(row, featuresOf('some words'), 'a')
    expect(one.find(alone)).toMatch(/takes 50 training rows with text/)
  })
})
