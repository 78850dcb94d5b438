import type { Tensor } from '@tensorflow/tfjs-core'
import { expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { type AdamWState, initAdamW, updateAdamW } from '../../src/trainer/tfjs/adamw.js'
import type { Device, DeviceName } from '../../src/trainer/tfjs/devices.js'
import { deviceForTests } from './device-for-tests.js'

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

/** The weight after each step, of tensors as the loop has them. */
async function steps(
  device: Device,
  start: Float32Array,
  gradients: readonly Float32Array[],
  weightDecay: number,
): Promise<readonly Float32Array[]> {
  const { tf } = device
  const shapeOf = (values: Float32Array) => [1, values.length]
  const before = device.use(() => tf.memory().numTensors)
  let weight = device.use(() => tf.tensor(start, shapeOf(start)))
  let state: AdamWState = device.use(() => initAdamW(tf, weight))
  const kept: Tensor[] = []
  for (const [index, gradient] of gradients.entries()) {
    const old = [weight, { ...state }]
    device.use(() => {
      const options = { step: index + 1, learningRate: 0.05, weightDecay }
      const next = tf.tidy(() => {
        const { weight: after, state: moments } = updateAdamW(
          tf,
          weight,
          tf.tensor(gradient, shapeOf(gradient)),
          state,
          options,
        )
        return { weight: after, ...moments }
      })
      kept.push(tf.clone(next.weight))
      ;({ weight, ...state } = next)
      tf.dispose(old as never)
    })
    await Promise.resolve()
  }
  const values: Float32Array[] = []
  for (const one of kept) values.push(Float32Array.from(await one.data<'float32'>()))
  device.use(() => tf.dispose([weight, { ...state }, kept] as never))
  expect(device.use(() => tf.memory().numTensors)).toBe(before)
  return values
}

const devices = (['native', 'wasm', 'js'] as const satisfies readonly DeviceName[]).map(async (name) => ({
  name,
  device: await deviceForTests(name),
}))
const present = (await Promise.all(devices)).flatMap(({ name, device }) => {
  if (typeof device !== 'string') return [{ name, device }]
  console.info(`Skipped ${name}: ${device}`)
  return []
})

const cases = [
  ['ordinary gradients', [0.5, -0.25, 0.125, 2, -1, 0.75], 0.01],
  ['no decay', [0.5, -0.25, 0.125, 2, -1, 0.75], 0],
  // Where epsilon decides: it must be scaled with the rest.
  ['gradients as small as epsilon', [1e-8, 3e-8, -2e-8, 1e-8], 0.01],
] as const

it.each(present.flatMap(({ name, device }) => cases.map((one) => [name, ...one, device] as const)))(
  'AdamW takes the steps of the paper on %s: %s',
  async (_, __, gradients, weightDecay, device) => {
    const alike = gradients.map((gradient) => Float32Array.of(gradient))
    const weight = (await steps(device, Float32Array.of(1.5), alike, weightDecay)).at(-1)![0]!
    // Six steps of float32, each with a relative rounding of 6e-8.
    expect(weight).toBeCloseTo(paper(1.5, gradients, 0.05, weightDecay), 5)
  },
)

it.each([0, 0.01])(
  'AdamW of many numbers is that of each, on every device, and wasm has the bytes of js (decay %d)',
  async (decay) => {
    // Of a length that no width of a processor's registers divides.
    const random = seededRandom('adamw')
    const noise = () => Float32Array.from({ length: 1003 }, () => random.normal())
    const [start, gradients] = [noise(), [noise(), noise(), noise()]]
    const found = new Map<string, readonly Float32Array[]>()
    for (const { name, device } of present) found.set(name, await steps(device, start, gradients, decay))
    const js = found.get('js')!
    expect(found.get('wasm')).toEqual(js)
    for (const values of found.values())
      for (const [step, weights] of values.entries())
        for (const [at, weight] of weights.entries()) expect(weight).toBeCloseTo(js[step]![at]!, 5)
    for (const [at, weight] of js.at(-1)!.entries())
      expect(weight).toBeCloseTo(
        paper(
          start[at]!,
          gradients.map((gradient) => gradient[at]!),
          0.05,
          decay,
        ),
        5,
      )
  },
)

it.each(present.map(({ name, device }) => [name, device] as const))(
  'AdamW goes on from moments that are given as values, and is read between steps, on %s',
  async (_, { tf, use }) => {
    const before = use(() => tf.memory().numTensors)
    const gradients = [0.5, -0.25, 2, 1]
    const from = async (isRead: boolean) => {
      let parts = { weight: [1.5], first: [0], second: [0] } as Record<'weight' | 'first' | 'second', readonly number[]>
      let tensors = use(() => ({ weight: tf.tensor([1.5]), first: tf.zeros([1]), second: tf.zeros([1]) }))
      for (const [index, gradient] of gradients.entries()) {
        if (isRead) {
          // As a checkpoint has them: read, and made anew of what was read.
          const read = async (tensor: Tensor) => Array.from(await tensor.data<'float32'>())
          parts = {
            weight: await read(tensors.weight),
            first: await read(tensors.first),
            second: await read(tensors.second),
          }
          use(() => tf.dispose(tensors))
          tensors = use(() => ({
            weight: tf.tensor([...parts.weight]),
            first: tf.tensor([...parts.first]),
            second: tf.tensor([...parts.second]),
          }))
        }
        const old = { ...tensors }
        tensors = use(() =>
          tf.tidy(() => {
            const options = { step: index + 1, learningRate: 0.05, weightDecay: 0.01 }
            const { weight, state } = updateAdamW(tf, old.weight, tf.tensor([gradient]), { ...old }, options)
            return { weight, first: state.first, second: state.second }
          }),
        ) as typeof tensors
        use(() => tf.dispose(old))
        await Promise.resolve()
      }
      const values = Array.from(await tensors.weight.data<'float32'>())
      use(() => tf.dispose(tensors))
      return values
    }
    expect(await from(true)).toEqual(await from(false))
    expect(use(() => tf.memory().numTensors)).toBe(before)
  },
)

it.each(present.map(({ name, device }) => [name, device] as const))(
  'AdamW of a gradient that does not fit fails, and the next step does not, on %s',
  async (_, { tf, use }) => {
    const step = (gradient: readonly number[]) =>
      use(() =>
        tf.tidy(() => {
          const weight = tf.tensor([1, 2])
          const options = { step: 1, learningRate: 0.1, weightDecay: 0.1 }
          return updateAdamW(tf, weight, tf.tensor([...gradient]), initAdamW(tf, weight), options).weight.dataSync()[0]
        }),
      )
    const right = step([1, 1])
    for (let count = 0; count < 3; count += 1)
      expect(() => step([1, 1, 1])).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    expect(step([1, 1])).toBe(right)
  },
)
