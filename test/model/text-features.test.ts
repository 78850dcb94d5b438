import { expect, it } from 'vitest'
import { textFeatures, wordsOf } from '../../src/model/index.js'

const settings = { buckets: 2 ** 10, maximumTokens: 2, bigrams: false }

it('reads each text from its start, also after one that is longer than the maximum', () => {
  const alone = textFeatures('red green', settings)
  textFeatures('one two three four', settings)
  expect(wordsOf('Red green blue', 2)).toEqual(['red', 'green'])
  textFeatures('one two three four', settings)
  expect(textFeatures('red green', settings)).toEqual(alone)
})
