import { expect, it } from 'vitest'
import { digestJson, seededRandom } from '../../src/core/index.js'
import { RowTable } from '../../src/dataset/row-table.js'

const digest = digestJson(0)
const random = seededRandom('row-table')
const unit = () => String.fromCharCode(random.below(0x10000))

it.each([
  ['none', []],
  ['two', ['b', 'a']],
  ['numbered', Array.from({ length: 66_000 }, (_, index) => `row-${index}`)],
  ['sorted', Array.from({ length: 20_000 }, (_, index) => `${index}`.padStart(9))],
  ['reversed', Array.from({ length: 8_193 }, (_, index) => `${20_000 - index}`)],
  ['repeated, with letters outside ASCII', Array.from({ length: 66_000 }, () => `ü${random.below(30_000)}`)],
  ['of any code units, also half surrogates', Array.from({ length: 9_000 }, () => unit() + unit())],
] as const)('ids that are %s read back, and sort as text with equal ids in their order', (_, ids) => {
  const table = new RowTable()
  const row = { digest, sampleDigest: digest, path: 'a.jsonl', slices: {}, inputKey: 1 }
  for (const [index, id] of ids.entries())
    table.add({ ...row, id, position: `line ${index}`, group: undefined, label: undefined, targetKey: undefined })
  expect(ids.every((id, index) => table.id(index) === id)).toBe(true)
  const compared = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
  const expected = ids.map((_, index) => index).sort((one, other) => compared(ids[one]!, ids[other]!) || one - other)
  expect(table.sorted().indices).toEqual(Uint32Array.from(expected))
})

it.each(['', 'line 12', 'line 3, column 4', '[0]', 'row group 1, row 10', '007', 'x1234567890', '12', 'a\0b1'])(
  'the position "%s" reads back',
  (position) => {
    const table = new RowTable()
    const row = { id: 'a', digest, sampleDigest: digest, path: 'a', slices: {}, inputKey: 1 }
    table.add({ ...row, position, group: undefined, label: undefined, targetKey: undefined })
    expect(table.position(0)).toBe(position)
  },
)
