import type { Tensor4D } from '@tensorflow/tfjs-core'
import type { TfjsCore } from '../devices.js'
import type { LlamaConfig, RopeConfig } from './llama-config.js'

/** Cosines and sines of the positions' angles: [1 or batch, 1, time, head size], the second half as the first. */
export interface Rotation {
  readonly cosines: Tensor4D
  readonly sines: Tensor4D
}

/** @param positions of each sequence, one after the other: [batch × time]. */
export function rotationOf(
  tf: TfjsCore,
  { rope, headSize }: LlamaConfig,
  positions: Int32Array,
  time: number,
): Rotation {
  const frequencies = frequenciesOf(rope, headSize)
  const half = headSize / 2
  const cosines = new Float32Array(positions.length * headSize)
  const sines = new Float32Array(positions.length * headSize)
  for (const [place, position] of positions.entries())
    for (let index = 0; index < half; index += 1) {
      // In float32, as PyTorch multiplies them.
      const angle = Math.fround(position * frequencies[index]!)
      const at = place * headSize + index
      cosines[at] = cosines[at + half] = Math.cos(angle)
      sines[at] = sines[at + half] = Math.sin(angle)
    }
  const shape: [number, number, number, number] = [positions.length / time, 1, time, headSize]
  return { cosines: tf.tensor4d(cosines, shape), sines: tf.tensor4d(sines, shape) }
}

/** Turns each pair (x[i], x[i + half]) by its position's angle: [batch, heads, time, head size]. */
export function rotate(tf: TfjsCore, x: Tensor4D, { cosines, sines }: Rotation): Tensor4D {
  return tf.add(tf.mul(x, cosines), tf.mul(quarterTurn(tf, x), sines))
}

/** The gradient by what was rotated: the turn back. */
export function rotateBack(tf: TfjsCore, dy: Tensor4D, { cosines, sines }: Rotation): Tensor4D {
  return tf.sub(tf.mul(dy, cosines), tf.mul(quarterTurn(tf, dy), sines))
}

function quarterTurn(tf: TfjsCore, x: Tensor4D): Tensor4D {
  const half = x.shape[3] / 2
  const first = tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, half])
  const second = tf.slice(x, [0, 0, 0, half], [-1, -1, -1, half])
  return tf.concat([tf.neg(second), first], 3)
}

/**
 * θ^(−2i/d) (Su et al., "RoFormer", 2021, section 3.2.2), scaled as `linear`, all by the factor, or `llama3`, the slow ones by
 * the factor and those between little by little (transformers, `modeling_rope_utils.py`).
 */
export function frequenciesOf({ theta, scaling }: RopeConfig, headSize: number): Float32Array {
  return Float32Array.from({ length: headSize / 2 }, (_, index) => {
    const frequency = 1 / theta ** ((2 * index) / headSize)
    if (scaling === undefined) return frequency
    if (scaling.type === 'linear') return frequency / scaling.factor
    const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling
    const turns = (originalPositions * frequency) / (2 * Math.PI)
    if (turns < low) return frequency / factor
    if (turns > high) return frequency
    const share = (turns - low) / (high - low)
    return ((1 - share) * frequency) / factor + share * frequency
  })
}
