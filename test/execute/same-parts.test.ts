import { expect, it } from 'vitest'
import { digestJson } from '../../src/core/index.js'
import { requireSameParts } from '../../src/execute/shards/index.js'

const [one, other] = [digestJson(1), digestJson(2)]

it.each([
  ['equal parts', { b: one, a: null }, { b: one, a: null }, undefined],
  ['an absent part and one without a version', { a: null }, {}, undefined],
  ['the first part that differs, in the order of the worker', { a: one, b: one }, { b: other, a: other }, 'b'],
  ['a part that only the caller has', { a: one, c: one }, { a: one }, 'c'],
  ['a part that only the worker has', { a: one }, { a: one, d: one }, 'd'],
  ['a part without a version there', { a: one }, { a: null }, 'a'],
])('%s', (_, expected, found, part) => {
  const compare = () => requireSameParts('work', expected, found)
  if (part === undefined) compare()
  else
    expect(compare).toThrow(
      expect.objectContaining({
        code: 'version-mismatch',
        message: expect.stringContaining(`the ${part} of the worker differs from the ${part} of the caller`),
        facts: expect.objectContaining({ part }),
      }),
    )
})
