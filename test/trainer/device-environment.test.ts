import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { deviceEnvironment, openDevice } from '../../src/trainer/tfjs/devices.js'

// In a file of its own, because a device that is open already answers for itself.
it.each(['wasm', 'js'] as const)(
  'the environment of %s is known before it is opened, and is the same then',
  async (name) => {
    const context = callContext()
    const before = await deviceEnvironment(name, context)
    const { packages, fingerprint } = await openDevice(name, context)
    expect(before).toEqual({ packages, fingerprint })
  },
)

it('the environment of an unknown device is an error', async () => {
  await expect(deviceEnvironment('tpu' as never, callContext())).rejects.toMatchObject({ code: 'device-unavailable' })
})
