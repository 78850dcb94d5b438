import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../../src/core/index.js'
import { type Device, openDevice, valuesOf } from '../../../src/trainer/tfjs/devices.js'
import type { WebGpuBackend } from '../../../src/trainer/tfjs/webgpu.js'
import { deviceForTests } from '../device-for-tests.js'

const gpu = await deviceForTests('webgpu')
if (typeof gpu === 'string') console.log(`The kernels of webgpu: skipped. ${gpu}`)
const js = await openDevice('js', callContext())

describe.skipIf(typeof gpu === 'string')('our webgpu kernels', () => {
  const device = gpu as Device
  const { tf } = js
  const on = async (where: Device, work: () => Tensor) => [...(await valuesOf(where.use(() => tf.tidy(work))))]

  it('sum segments as js does, whether the ids are known here or only there', async () => {
    const random = seededRandom('segments')
    for (let round = 0; round < 12; round += 1) {
      const [items, width, segments] = [1 + random.below(40), 1 + random.below(5), 1 + random.below(8)]
      const values = Float32Array.from({ length: items * width }, () => random.normal())
      const ids = Int32Array.from({ length: items }, () => random.below(segments + 2) - 1)
      const sum = (isKnown: boolean) => () => {
        const known = tf.tensor1d(ids, 'int32')
        const some = isKnown ? known : tf.add(known, tf.scalar(0, 'int32'))
        return tf.unsortedSegmentSum(tf.tensor2d(values, [items, width]), some as never, segments)
      }
      const wanted = await on(js, sum(true))
      for (const isKnown of [true, false])
        (await on(device, sum(isKnown))).forEach((value, index) => {
          // The same additions in the same order: one rounding of float32 apart, where products are fused.
          expect(value).toBeCloseTo(wanted[index]!, 5)
        })
    }
    expect(await on(device, () => tf.unsortedSegmentSum(tf.zeros([0, 3]), tf.tensor1d([], 'int32'), 2))).toEqual(
      Array(6).fill(0),
    )
  })

  it('add up more numbers than a program may have buffers', async () => {
    for (const count of [1, 2, 7, 8, 13, 14, 40]) {
      const sum = () => tf.addN(Array.from({ length: count }, (_, index) => tf.tensor1d([index, 2 ** index % 97])))
      expect(await on(device, sum)).toEqual(await on(js, sum))
    }
  })

  it('give the same bytes each time, also for sums of thousands of products', async () => {
    const random = seededRandom('products')
    const [left, right] = [0, 1].map(() => Float32Array.from({ length: 3 * 4096 }, () => random.normal()))
    const product = () => tf.matMul(tf.tensor2d(left!, [3, 4096]), tf.tensor2d(right!, [4096, 3]))
    const first = await on(device, product)
    const wanted = await on(js, product)
    first.forEach((value, index) => {
      // 4,096 products of size 1, added in another order: √4096 · 4096 · 6e-8 at the very most.
      expect(Math.abs(value - wanted[index]!)).toBeLessThan(1e-2)
    })
    for (let again = 0; again < 4; again += 1) expect(await on(device, product)).toEqual(first)
  })

  it('say what a GPU refused at the next reading, once', async () => {
    const broken = {
      ...{ outputShape: [1], variableNames: ['x'], workgroupSize: [1, 1, 1], dispatchLayout: { x: [0] } },
      ...{ dispatch: [1, 1, 1], shaderKey: 'broken', getUserCode: () => 'this is no program' },
    }
    const refused = device.use(() => {
      const backend = tf.backend() as unknown as WebGpuBackend
      const x = tf.ones([1])
      const output = backend.runWebGPUProgram(broken, [x], 'float32', [])
      x.dispose()
      return tf.engine().makeTensorFromTensorInfo(output)
    })
    await expect(valuesOf(refused)).rejects.toMatchObject({ code: 'device-unavailable' })
    expect(await on(device, () => tf.add(1, 2))).toEqual([3])
  })
})
