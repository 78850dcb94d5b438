import { describe, it } from 'vitest'
import { trainerContract } from '../../../src/testing/trainer-contract.js'
import { deviceNames } from '../../../src/trainer/tfjs/devices.js'
import { tfjsTrainer } from '../../../src/trainer/tfjs/index.js'
import { itInFull } from '../../in-full.js'
import { translateInThreads } from '../../start-thread.js'
import { isWhole } from '../../whole.js'
import { deviceForTests } from '../device-for-tests.js'
import { byGradients, ofLetters } from './models.mjs'

translateInThreads()

for (const device of deviceNames) {
  // On js a training takes seconds. own-model.test.ts trains there.
  if (device === 'js' && !isWhole) continue
  const opened = await deviceForTests(device)
  const missing = typeof opened === 'string' ? opened : undefined
  // A GPU in software takes half a second for a step.
  const options = typeof opened !== 'string' && opened.isSoftware ? { epochs: 2, learningRate: 0.1 } : {}
  console.log(`A model of one's own on ${device}: ${missing === undefined ? 'run' : `skipped. ${missing}`}`)
  describe.skipIf(missing !== undefined)(`on ${device}`, () => {
    describe.each([
      ['layersModel', ofLetters],
      ['gradientModel', byGradients],
    ])('%s', (_, build) =>
      trainerContract(build === ofLetters ? it : itInFull, async () =>
        tfjsTrainer(build(options), { device, thread: 'caller' }),
      ),
    )
  })
}
