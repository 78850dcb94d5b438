import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'

it('a device that is opened listens for no error of the process: those are the host’s', async () => {
  const listeners = () =>
    ['uncaughtException', 'unhandledRejection'].map((event) => process.listeners(event as 'uncaughtException'))
  const before = listeners()
  const hosts = () => {}
  const opening = openDevice('wasm', callContext())
  process.on('uncaughtException', hosts)
  await opening
  try {
    expect(listeners()).toEqual([[...before[0]!, hosts], before[1]])
  } finally {
    process.removeListener('uncaughtException', hosts)
  }
})
