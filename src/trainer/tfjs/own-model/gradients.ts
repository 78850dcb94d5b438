import type { Scalar } from '@tensorflow/tfjs-core'
import { SheikhError } from '../../../core/index.js'
import type { TfjsCore } from '../devices.js'
import type { LossAndGradients, Weights } from '../tfjs-model.js'

/**
 * Computes the loss and its gradients with tfjs.
 *
 * @param loss computes the loss from these tensors.
 * @throws `invalid-options` for a weight that the loss does not depend on.
 */
export function lossAndGradientsOf(tf: TfjsCore, weights: Weights, loss: () => Scalar): LossAndGradients {
  const names = Object.keys(weights)
  const tensors = names.map((name) => weights[name]!)
  const { value, grads } = tf.engine().gradients(loss, tensors, undefined, true)
  const found = names.map((name, place) => [name, grads[place]] as const)
  const missing = found.find(([, gradient]) => gradient === undefined || gradient === null)
  if (missing !== undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot train the weight "${missing[0]}": the loss does not depend on it. Remove it, or use it.`,
      { facts: { weight: missing[0] } },
    )
  return { loss: value, gradients: Object.fromEntries(found) as Weights }
}
