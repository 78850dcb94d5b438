import type { Scalar } from '@tensorflow/tfjs-core'
import type { TfjsCore } from './devices.js'
import type { Weights } from './tfjs-model.js'

/**
 * Scales all gradients by one factor, so that their common norm (the root of the sum of all squares) is at most `maximum`:
 * the factor of PyTorch's `clip_grad_norm_`, maximum / (norm + 1e-6), at most 1.
 */
export function clipGradients(tf: TfjsCore, gradients: Weights, maximum: number): Weights {
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)) as Scalar)
  const norm = tf.sqrt(tf.addN(squares))
  const factor = tf.minimum(tf.div(maximum, tf.add(norm, 1e-6)), 1)
  return Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, tf.mul(gradient, factor)]))
}
