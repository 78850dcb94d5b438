import { expect, it } from 'vitest'
import { createRunId, isRunId } from '../../src/core/index.js'

it('makes ids of one millisecond that all differ, over several reads of random bytes', () => {
  const ids = Array.from({ length: 1000 }, () => createRunId(1))
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every(isRunId)).toBe(true)
})
