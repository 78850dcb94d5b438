// Opens a device, and prints its packages or why it cannot be opened. The tests of the devices start it in a project with
// packages of their own making.
import type { SheikhError } from '../../src/core/index.js'
import { loadNative } from '../../src/trainer/tfjs/native.js'
import { loadWebGpu } from '../../src/trainer/tfjs/webgpu.js'

const device = process.argv[2] as 'webgpu' | 'cuda' | 'native'
const host = globalThis as { backend?: unknown; Tensor?: unknown }
const tf = {
  Tensor: class {},
  getBackend: () => 'cpu',
  setBackend: async () => true,
  findBackendFactory: () => () => host.backend,
} as never as Parameters<typeof loadWebGpu>[0]
host.Tensor = tf.Tensor
const loading = device === 'webgpu' ? loadWebGpu(tf) : loadNative(device, tf)
const said = await loading.then(
  ({ packages }) => JSON.stringify(packages),
  ({ code, message }: SheikhError) => `${code}: ${message}`,
)
process.stdout.write(said)
