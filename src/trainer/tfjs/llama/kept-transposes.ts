import type { Tensor2D } from '@tensorflow/tfjs-core'
import type { Device } from '../devices.js'
import type { Llama } from './llama.js'

/**
 * Weights above this are transposed in each product as before. A kept one is in memory three times: as it is, transposed, and as
 * XNNPACK packs it; wasm has 4 GB.
 */
const mostBytes = 2 ** 30

/**
 * The model with a transpose of each weight that it multiplies by, made at the first use. XNNPACK multiplies by a transposed
 * matrix only, and keeps what it packs of a matrix that stays: a token would otherwise transpose and pack all weights again.
 * Other devices multiply by the weights as they are.
 */
export function withKeptTransposes(
  device: Device,
  llama: Llama,
): { readonly llama: Llama; readonly dispose: () => void } {
  const { tf } = device
  const kept = new Map<string, Tensor2D>()
  const sizeBytes = Object.values(llama.weights).reduce((sum, { size }) => sum + size * 4, 0)
  if (device.name !== 'wasm' || sizeBytes > mostBytes) return { llama, dispose() {} }
  function transposed(name: string): Tensor2D {
    const known = kept.get(name)
    if (known !== undefined) return known
    const made = tf.keep(tf.transpose(llama.weights[name]!)) as Tensor2D
    kept.set(name, made)
    return made
  }
  return {
    llama: { ...llama, transposed },
    dispose() {
      device.use(() => tf.dispose([...kept.values()]))
      kept.clear()
    },
  }
}
