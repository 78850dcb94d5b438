import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packLabels, unpackLabels } from '../../../src/dataset/index.js'

describe('packed labels', () => {
  it('unpack to the rows with a label, whatever ids and labels contain', () => {
    const label = fc.constantFrom('a', 'b "c"', 'd\ne', '', '\u{1f600}', '__proto__')
    const row = fc.record({ id: fc.string(), label: fc.option(label, { nil: undefined }) })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
        const packed = packLabels(rows)
        const labelled = rows.filter((one) => one.label !== undefined)
        const different = new Set(labelled.map((one) => one.label)).size
        if (different < 2 || 2 * different > labelled.length) expect(packed).toBeUndefined()
        else expect([...unpackLabels(packed!)]).toEqual(labelled)
      }),
    )
  })

  it('are read again from the start, also from a part of a larger buffer', () => {
    const rows = Array.from({ length: 25_000 }, (_, index) => ({ id: `r${index}`, label: `l${index % 3}` }))
    const packed = packLabels(rows)!
    const larger = new Uint8Array(packed.length + 20)
    larger.set(packed, 7)
    const unpacked = unpackLabels(larger.subarray(7, 7 + packed.length))
    expect([...unpacked]).toEqual(rows)
    expect([...unpacked]).toHaveLength(25_000)
    expect(packed.length).toBeLessThan(11 * rows.length)
  })

  it.each([
    ['a line without its end', '{"formatVersion":1,"labels":["a","b"]}\n0 "x'],
    ['no header', '0 "x"\n'],
    ['another version', '{"formatVersion":2,"labels":["a"]}\n'],
    ['labels that are no text', '{"formatVersion":1,"labels":[1]}\n'],
    ['an index without a label', '{"formatVersion":1,"labels":["a"]}\n1 "x"\n'],
    ['an id that is no text', '{"formatVersion":1,"labels":["a"]}\n0 7\n'],
    ['no JSON', '{"formatVersion":1,"labels":["a"]}\n0 x\n'],
    ['an empty line', '{"formatVersion":1,"labels":["a"]}\n\n'],
  ])('refuse %s', (_, text) => {
    expect(() => [...unpackLabels(new TextEncoder().encode(text))]).toThrow(
      expect.objectContaining({ code: 'artifact-corrupt' }),
    )
  })
})
