import { expect, it } from 'vitest'
import { conflictLine, isConflictMarker } from '../../src/core/index.js'

const text = (...lines: readonly string[]) => lines.join('\n')

it('a merge conflict is found by its three markers, in their order', () => {
  expect(conflictLine(text('a', '<<<<<<< HEAD', 'b', '=======', 'c', '>>>>>>> other', ''))).toBe(2)
  expect(conflictLine(text('<<<<<<< HEAD\r', '||||||| base\r', '=======\r', '>>>>>>> other\r'))).toBe(1)
  expect(conflictLine(text('<<<<<<< a', '<<<<<<< b', '=======', '>>>>>>> c'))).toBe(2)
  for (const other of [
    text('Heading', '=======', ''),
    text('<<<<<<< HEAD', 'b', '>>>>>>> other'),
    text('>>>>>>> other', '=======', '<<<<<<< HEAD'),
    text(' <<<<<<< HEAD', '=======', '>>>>>>> other'),
  ])
    expect(conflictLine(other), other).toBeUndefined()
})

it.each(['<<<<<<< HEAD', '=======', '=======\r', '||||||| 1234', '|||||||', '>>>>>>> other'])(
  '%j is a marker',
  (line) => {
    expect(isConflictMarker(line)).toBe(true)
  },
)

it.each(['<<<<<<<', '========', ' =======', '"<<<<<<< HEAD"'])('%j is none', (line) => {
  expect(isConflictMarker(line)).toBe(false)
})
