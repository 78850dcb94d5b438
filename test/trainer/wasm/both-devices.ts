import { isDeepStrictEqual } from 'node:util'
import type { Tensor } from '@tensorflow/tfjs-core'
import { expect } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { type Device, openDevice } from '../../../src/trainer/tfjs/devices.js'

// The whole of tfjs brings the gradients, into the same engine. It is CommonJS: what it exports is under `default`.
const module = await import('@tensorflow/tfjs')
export const tf = module.default ?? module
export const wasm = await openDevice('wasm', callContext())
export const js = await openDevice('js', callContext())

export interface Values {
  readonly shape: readonly number[]
  readonly dtype: string
  readonly values: readonly number[]
}

/** What `work` gives on the device. It must leave no tensor behind, nor any data of the backend's. */
export function on(device: Device, work: () => Tensor | readonly Tensor[]): readonly Values[] {
  return device.use(() => {
    const before = [tf.memory().numTensors, tf.backend().numDataIds()]
    const read = tf.tidy(() => {
      const tensors = [work()].flat() as readonly Tensor[]
      return tensors.map((tensor) => ({
        shape: tensor.shape,
        dtype: tensor.dtype,
        values: [...tensor.dataSync()],
      })) as never
    }) as readonly Values[]
    const after = [tf.memory().numTensors, tf.backend().numDataIds()]
    if (!isDeepStrictEqual(after, before)) throw new Error(`Left behind (tensors, data): ${before} → ${after}.`)
    return read
  })
}

export const onBoth = (work: () => Tensor | readonly Tensor[]) => ({ wasm: on(wasm, work), js: on(js, work) })

/**
 * Shapes and dtypes equal; values equal, NaN and infinities included, to within `tolerance` of the largest finite one of
 * the tensor, or of 1, the size of what goes in: both devices round to float32 (6e-8) at each step, but add in different
 * orders, so that what a sum of large terms leaves over is off by as much as the terms were.
 */
export function expectSame(
  { wasm: ours, js: theirs }: { wasm: readonly Values[]; js: readonly Values[] },
  tolerance = 1e-5,
): void {
  expect(ours.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    theirs.map(({ shape, dtype }) => ({ shape, dtype })),
  )
  ours.forEach(({ values }, tensor) => {
    const expected = theirs[tensor]!.values
    const largest = expected.reduce(
      (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
      0,
    )
    values.forEach((value, at) => {
      const wanted = expected[at]!
      const isSame = Object.is(value, wanted) || Math.abs(value - wanted) <= tolerance * Math.max(largest, 1)
      if (!isSame) throw new Error(`Value ${at} of tensor ${tensor} is ${value}, not ${wanted}.`)
    })
  })
}

/** The same for the result of `work` and its gradients by all of `inputs`, the result weighed by numbers of its own. */
export function withGradients(inputs: readonly Tensor[], work: (...inputs: Tensor[]) => Tensor): readonly Tensor[] {
  const weigh = (result: Tensor) => {
    const weights = tf.reshape(tf.sin(tf.range(1, result.size + 1)), result.shape)
    return tf.sum(tf.mul(result, weights))
  }
  const { grads } = tf.valueAndGrads((...given: Tensor[]) => weigh(work(...given)))([...inputs])
  return [work(...inputs), ...grads]
}

/** Numbers in −1..1 with no pattern to speak of, the same for the same `seed`. */
export function noise(shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1)
  const values = Float32Array.from({ length: size }, (_, at) => Math.sin((at + 1) * 12.9898 + seed * 78.233))
  return tf.tensor(values, [...shape])
}
