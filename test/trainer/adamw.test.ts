import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { initAdamW, updateAdamW } from '../../src/trainer/tfjs/adamw.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'

/** Algorithm 2 of the paper, line by line, in float64. */
function paper(start: number, gradients: readonly number[], learningRate: number, weightDecay: number): number {
  let [weight, m, v] = [start, 0, 0]
  gradients.forEach((gradient, index) => {
    const step = index + 1
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient ** 2
    const [mHat, vHat] = [m / (1 - 0.9 ** step), v / (1 - 0.999 ** step)]
    weight -= learningRate * (mHat / (Math.sqrt(vHat) + 1e-8) + weightDecay * weight)
  })
  return weight
}

it.each([
  ['ordinary gradients', [0.5, -0.25, 0.125, 2, -1, 0.75], 0.01],
  ['no decay', [0.5, -0.25, 0.125, 2, -1, 0.75], 0],
  // Where epsilon decides: it must be scaled with the rest.
  ['gradients as small as epsilon', [1e-8, 3e-8, -2e-8, 1e-8], 0.01],
])('AdamW takes the steps of the paper: %s', async (_, gradients, weightDecay) => {
  const { tf, use } = await openDevice('wasm', callContext())
  const weight = use(() =>
    tf.tidy(() => {
      let at = { weight: tf.tensor1d([1.5]) as never, state: initAdamW(tf, tf.tensor1d([1.5])) } as ReturnType<
        typeof updateAdamW
      >
      gradients.forEach((gradient, index) => {
        const options = { step: index + 1, learningRate: 0.05, weightDecay }
        at = updateAdamW(tf, at.weight, tf.tensor1d([gradient]), at.state, options)
      })
      return at.weight.dataSync()[0]!
    }),
  )
  // Six steps of float32, each with a relative rounding of 6e-8.
  expect(weight).toBeCloseTo(paper(1.5, gradients, 0.05, weightDecay), 5)
})
