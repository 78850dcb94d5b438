import fc from 'fast-check'
import { expect, it } from 'vitest'
import { packTextList, TextList } from '../../src/core/index.js'

const texts = fc.array(
  fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ud83d', '\ude00', 'a\0b', '__proto__')),
)

it('texts of any code units read back from JSON', () => {
  fc.assert(
    fc.property(texts, (list) => {
      const read = new TextList(JSON.parse(JSON.stringify(packTextList(list))))
      expect(Array.from({ length: read.length }, (_, index) => read.at(index))).toEqual(list)
    }),
  )
})

it('tells a text of the list from every other one', () => {
  fc.assert(
    fc.property(texts, texts, (list, others) => {
      const read = new TextList(packTextList(list))
      for (const [index, text] of list.entries())
        for (const other of [...list, ...others, `${text}x`, text.slice(1)])
          expect(read.isAt(index, other)).toBe(text === other)
    }),
  )
})
