import type { Scalar } from '@tensorflow/tfjs-core'
import type { JsonObject, Random } from '../../core/index.js'
import type { TfjsCore } from './devices.js'
import type { LossAndGradients, TfjsModel, Weights } from './tfjs-model.js'

// Among the gradients' names, no weight's.
const lossName = '\0loss'

/**
 * Loss and gradients of all batches as of one: each counts by what its mean is over. One at a time is in memory. Runs inside
 * `tf.tidy`.
 */
export function accumulate<Example>(
  tf: TfjsCore,
  model: Required<Pick<TfjsModel<never, never, Example>, 'lossAndGradients'>>,
  weights: Weights,
  batches: readonly (readonly Example[])[],
  { config, random }: { readonly config: JsonObject; readonly random: Random },
): LossAndGradients {
  if (batches.length === 1) return model.lossAndGradients(tf, weights, batches[0]!, config, random)
  let byName = weights
  let total = 0
  let sums: Weights = {}
  let updates: Weights = {}
  for (const [place, batch] of batches.entries()) {
    const before = { sums, updates }
    ;({ sums, updates } = tf.tidy(() => {
      const found = model.lossAndGradients(tf, byName, batch, config, random.fork(`batch-${place}`))
      const { count = batch.length } = found
      total += count
      const learned = Object.keys(weights).filter((name) => found.gradients[name] !== undefined)
      const parts = [lossName, ...learned].map((name) => {
        const weighed = tf.mul(name === lossName ? found.loss : found.gradients[name]!, count)
        return [name, before.sums[name] === undefined ? weighed : tf.add(weighed, before.sums[name])] as const
      })
      const followed = Object.entries({ ...before.updates, ...found.updates }).map(
        ([name, value]) => [name, tf.clone(value)] as const,
      )
      return { sums: Object.fromEntries(parts), updates: Object.fromEntries(followed) }
    }))
    tf.dispose(before as never)
    byName = { ...byName, ...updates }
  }
  const { [lossName]: loss, ...gradients } = Object.fromEntries(
    Object.entries(sums).map(([name, sum]) => [name, tf.div(sum, total)]),
  )
  return { loss: loss as Scalar, gradients, updates }
}
