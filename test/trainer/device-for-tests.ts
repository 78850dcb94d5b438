import { callContext } from '../../src/core/index.js'
import { type Device, type DeviceName, openDevice } from '../../src/trainer/tfjs/devices.js'
import { isWhole } from '../whole.js'

/** `npm test` trains on these. Others run where everything does. */
const always: ReadonlySet<DeviceName> = new Set(['wasm', 'js'])

/** A device, or in words why tests do not run on it. */
export async function deviceForTests(name: DeviceName): Promise<Device | string> {
  if (!isWhole && !always.has(name)) return 'It runs with SHEIKH_TESTS=whole, as in CI.'
  return openDevice(name, callContext()).catch((error: Error) => error.message)
}
