import { expect, it } from 'vitest'
import { parseWorkerName, workerName } from '../../src/execute/bullmq/worker-name.js'

const unknown = { version: null, pid: null, host: null }

it('reads the names that it gives', () => {
  expect(parseWorkerName(workerName())).toMatchObject({ version: expect.stringMatching(/^\d/), pid: process.pid })
  expect(parseWorkerName('1.0.0-rc.1+b/7/gpu-1.example')).toEqual({
    ...{ version: '1.0.0-rc.1+b', pid: 7, host: 'gpu-1.example' },
  })
})

it.each(['', 'w', '1.0.0/x/host', '1.0.0/7', '1.0.0/7/', 'a b/7/host'])('knows nothing about %j', (name) => {
  expect(parseWorkerName(name)).toEqual(unknown)
})
