import { expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import type { Part } from '../../../src/dataset/dataset-rows.js'
import { RepeatFinder } from '../../../src/dataset/quality/repeats.js'

const settings = { duplicate: 0.8, leakage: 0.8, labelConflict: 0.8 }

it('texts that leak come in the order of their first training row', () => {
  const rows: readonly (readonly [text: string, part: Part])[] = [
    ['late', 'evaluation'],
    ['early', 'training'],
    ['early', 'evaluation'],
    ['alone', 'training'],
    ['late', 'training'],
    ['early', 'training'],
  ]
  const finder = new RepeatFinder(settings, rows.length)
  for (const [row, [text, part]] of rows.entries()) {
    const name = text.padEnd(16)
    finder.add(row, { input: name, name, sketch: new Uint32Array(0) }, part)
  }
  const { leaks, duplicates } = finder.find(callContext())
  expect(leaks).toEqual([
    { training: [1, 5], evaluation: [2] },
    { training: [4], evaluation: [0] },
  ])
  expect(duplicates).toEqual([
    [0, 4],
    [1, 2, 5],
  ])
})
