import { expect, it } from 'vitest'
import { checkResources } from '../../src/execute/check-resources.js'
import { toJobMessage } from '../../src/execute/job-message.js'

const message = toJobMessage({ kind: { name: 'echo', version: '1' }, input: 1 })

it('gives a job the memory that it names, else what the worker may use', () => {
  expect(checkResources({ ...message, resources: { memoryMb: 200 } }, { memoryMb: 300 })).toBe(200)
  expect(checkResources(message, { memoryMb: 300 })).toBe(300)
  expect(checkResources(message, {})).toBe(undefined)
})

it('refuses a job from a queue that would switch the limit off', () => {
  for (const memoryMb of [0, -1, -0.5, Number.NaN, Number.POSITIVE_INFINITY, 301])
    for (const worker of [{ memoryMb: 300 }, { memoryMb: 300, device: 'cpu' }])
      expect(() => checkResources({ ...message, resources: { memoryMb } }, worker)).toThrow(/memory/)
})
