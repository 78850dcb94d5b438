import { expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { crossEntropy } from '../../src/trainer/tfjs/cross-entropy.js'
import { deviceNames } from '../../src/trainer/tfjs/devices.js'
import { deviceForTests } from './device-for-tests.js'

const devices = deviceNames.map(async (name) => ({ name, device: await deviceForTests(name) }))
const present = (await Promise.all(devices)).flatMap(({ name, device }) => {
  if (typeof device !== 'string') return [{ name, device }]
  console.info(`Skipped ${name}: ${device}`)
  return []
})

/** By definition, in float64. */
function definition(logits: readonly number[], target: number) {
  const largest = Math.max(...logits)
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)
  const shares = logits.map((logit) => Math.exp(logit - largest) / total)
  return {
    loss: Math.log(total) - (logits[target]! - largest),
    errors: shares.map((share, place) => share - (place === target ? 1 : 0)),
  }
}

const random = seededRandom('cross-entropy')
const noise = (rows: number, classes: number, scale: number) =>
  Array.from({ length: rows }, () => Array.from({ length: classes }, () => random.normal() * scale))
const cases: readonly (readonly [string, readonly (readonly number[])[]])[] = [
  ['ordinary logits', noise(7, 5, 1)],
  ['many classes', noise(3, 1003, 3)],
  ['shares that are 0 in float32', noise(5, 4, 200)],
  ['equal logits', [[2, 2, 2, 2]]],
]

it.each(present.flatMap(({ name, device }) => cases.map(([title, logits]) => [name, title, logits, device] as const)))(
  'cross-entropy and its gradient are those of the definition on %s: %s',
  async (_, __, logits, device) => {
    const targets = Int32Array.from(logits, (row) => random.below(row.length))
    const found = device.use(() =>
      device.tf.tidy(() => ({
        ...crossEntropy(device.tf, device.tf.tensor2d(logits as number[][]), targets),
      })),
    )
    const losses = await found.losses.data()
    const errors = (await found.errors.array()) as number[][]
    device.use(() => device.tf.dispose(found as never))
    for (const [row, target] of targets.entries()) {
      const wanted = definition(logits[row]!, target)
      // Differences of logits as large as these are rounded by so much.
      expect(Math.abs(losses[row]! - wanted.loss)).toBeLessThan(1e-5 + 3e-7 * Math.abs(wanted.loss))
      for (const [place, error] of wanted.errors.entries()) expect(errors[row]![place]).toBeCloseTo(error, 5)
    }
  },
)
