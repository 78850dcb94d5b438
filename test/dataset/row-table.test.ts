import { expect, it } from 'vitest'
import { digestJson, type JsonObject, seededRandom } from '../../src/core/index.js'
import { cachedRows } from '../../src/dataset/cached-rows.js'
import { RowTable, type ScannedRow } from '../../src/dataset/row-table.js'

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
  const sorted = table.sorted()
  expect(sorted.indices).toEqual(Uint32Array.from(expected))
  const places = new Map<string, number>()
  for (const [place, index] of expected.entries()) if (!places.has(ids[index]!)) places.set(ids[index]!, place)
  for (const id of ['', '\uffff\uffff\uffff', 'nobody', ...ids.slice(0, 500), ...ids.slice(-500)])
    expect(sorted.placeOf(id)).toBe(places.get(id))
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

/** Rows that use every column, in more than one chunk. */
const fullRows = (path: string, count: number): readonly ScannedRow[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ id: `${path}-${index % 3 === 0 ? 'ü' : ''}${unit()}${index}`, digest: digestJson(index), path },
    ...{ sampleDigest: digestJson(-index), position: index % 2 === 0 ? `line ${index}` : '' },
    group: index % 5 === 0 ? undefined : `group ${index % 7}`,
    label: index % 4 === 0 ? undefined : `label ${index % 3}`,
    slices: index % 6 === 0 ? {} : { category: `c${index % 4}` },
    ...{ inputKey: index * 2 ** 21, targetKey: index % 4 === 0 ? undefined : 2 ** 53 - index },
    ...(index % 1000 === 1 && { files: { image: [['a.png', digestJson(index)]] } as never }),
  }))
const rowsIn = (table: RowTable, start: number, end: number) =>
  Array.from({ length: end - start }, (_, at) => {
    const { id, digest, sampleDigest, path, position, group, label, slices, inputKey, targetKey } = table.row(
      start + at,
    )
    const files = table.files(start + at)
    return {
      ...{ id, digest, sampleDigest, path, position, group, label, slices, inputKey, targetKey },
      ...(files !== undefined && { files }),
    }
  })

it('rows read back from a cache, also among rows of other files', () => {
  const [one, other] = [fullRows('a.jsonl', 9_000), fullRows('b.jsonl', 8_300)]
  const [first, second] = [new RowTable(), new RowTable()]
  for (const row of [...one, ...other]) first.add(row)
  // Other texts get other numbers.
  for (const row of [...[...fullRows('c.jsonl', 5)].reverse(), ...one]) second.add(row)
  const packed = cachedRows.pack([
    { table: first, start: one.length, end: one.length + other.length },
    { table: second, start: 5, end: 5 + one.length },
    { table: second, start: 5, end: 5 },
  ])
  const kept = cachedRows.unpack(JSON.parse(JSON.stringify(packed)))!
  expect([0, 1, 2].map((index) => kept.at(index)!.end - kept.at(index)!.start)).toEqual([other.length, one.length, 0])
  const restored = new RowTable()
  for (const row of fullRows('d.jsonl', 3)) restored.add(row)
  for (const [index, path] of ['b.jsonl', 'renamed.jsonl'].entries())
    restored.copy(kept.at(index)!.table, kept.at(index)!.start, kept.at(index)!.end, path)
  const end = 3 + other.length
  expect(rowsIn(restored, 3, end)).toEqual(other)
  expect(rowsIn(restored, end, end + one.length)).toEqual(one.map((row) => ({ ...row, path: 'renamed.jsonl' })))
  expect(restored.sorted().length).toBe(restored.size)
})

it('rows from a machine with another byte order are not used', () => {
  const table = new RowTable()
  for (const row of fullRows('a.jsonl', 2)) table.add(row)
  const { rows, counts } = cachedRows.pack([{ table, start: 0, end: 2 }]) as Readonly<
    Record<'rows' | 'counts', JsonObject>
  >
  expect(cachedRows.unpack({ rows, counts })?.at(0)).toBeDefined()
  expect(cachedRows.unpack({ rows: { ...rows, byteOrder: 'XE' }, counts })).toBe(undefined)
})
