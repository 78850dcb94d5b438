import { describe, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { trainerContract } from '../../../src/testing/trainer-contract.js'
import { deviceNames, openDevice } from '../../../src/trainer/tfjs/devices.js'
import { tfjsTrainer } from '../../../src/trainer/tfjs/index.js'
import { ofLetters } from './models.mjs'

for (const device of deviceNames) {
  const missing = await openDevice(device, callContext()).then(
    () => undefined,
    (error: Error) => error.message,
  )
  console.log(`A model of one's own on ${device}: ${missing === undefined ? 'run' : `skipped. ${missing}`}`)
  describe.skipIf(missing !== undefined)(`on ${device}`, () => {
    describe('layersModel', () =>
      trainerContract(it, async () => tfjsTrainer(ofLetters(), { device, thread: 'caller' })))
  })
}
