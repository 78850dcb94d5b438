import type { Scalar } from '@tensorflow/tfjs-core'
import { SheikhError } from '../../../core/index.js'
import type { TfjsCore } from '../devices.js'
import type { LossAndGradients, Weights } from '../tfjs-model.js'

/**
 * The loss and its gradient by each of the weights, by tfjs's own differentiation.
 *
 * @param loss computes it from these very tensors.
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
      `Cannot train the weight "${missing[0]}": the loss does not depend on it. Leave it out, or use it.`,
      { facts: { weight: missing[0] } },
    )
  return { loss: value, gradients: Object.fromEntries(found) as Weights }
}
