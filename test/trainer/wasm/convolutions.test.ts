import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allowTensors } from '../../no-leaks.js'
import { rounds } from '../../whole.js'
import { expectSame, noise, onBoth, tf, wasm, withGradients } from './both-devices.js'

const channels = fc.integer({ min: 1, max: 4 })
const side = fc.integer({ min: 1, max: 9 })
const filterSide = fc.integer({ min: 1, max: 4 })
const stride = fc.integer({ min: 1, max: 3 })
const convolutions = fc
  .record({
    image: fc.tuple(fc.integer({ min: 1, max: 3 }), side, side, channels),
    filter: fc.tuple(filterSide, filterSide, channels),
    strides: fc.tuple(stride, stride),
    pad: fc.constantFrom('same' as const, 'valid' as const, 1),
  })
  // A filter larger than all it goes over has no output.
  .filter(({ image, filter, pad, strides }) => {
    const around = pad === 1 ? 2 : 0
    // tfjs reckons the output's width as its height where the padding is a number.
    if (pad === 1 && (strides[0] !== strides[1] || filter[0] !== filter[1])) return false
    return pad === 'same' || (filter[0] <= image[1] + around && filter[1] <= image[2] + around)
  })

type Convolve = (x: Tensor4D, filter: Tensor4D) => Tensor
const compare = (image: readonly number[], filter: readonly number[], convolve: Convolve, tolerance?: number) =>
  expectSame(
    onBoth(() => withGradients([noise(image, 1), noise(filter, 2)], convolve as (...inputs: Tensor[]) => Tensor)),
    tolerance,
  )

describe('Conv2D', () => {
  it('has the values and gradients of js, for random shapes, strides and paddings', () => {
    fc.assert(
      fc.property(convolutions, ({ image, filter: [height, width, out], strides, pad }) =>
        compare(image, [height, width, image[3], out], (x, weights) => tf.conv2d(x, weights, strides, pad)),
      ),
      { numRuns: rounds(60) },
    )
  })

  it('has them where the patches are too many to hold at once', () => {
    // 1,600 products of either sign are added up in float32: the running sum is a hundred times what is left.
    compare([1, 40, 40, 64], [5, 5, 64, 2], (x, weights) => tf.conv2d(x, weights, 1, 'same'), 1e-3)
  })

  it('has zeros for gradients of no images', () => {
    const filterGradient = () => {
      const [x, dy] = [tf.zeros([0, 4, 4, 2]), tf.zeros([0, 4, 4, 3])]
      return tf.engine().runKernel(
        'Conv2DBackpropFilter',
        { x, dy },
        {
          ...{ strides: [1, 1], pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 2, 3] },
        },
      ) as Tensor
    }
    expectSame(onBoth(filterGradient))
  })

  it('passes NaN and infinities on to the gradients that see them', () => {
    const image = () => {
      const values = noise([1, 5, 5, 1], 1).dataSync()
      values[6] = Number.NaN
      values[18] = Infinity
      return tf.tensor4d(values, [1, 5, 5, 1])
    }
    // Without padding: js leaves out what is padded, a product takes it as 0, and 0 · NaN is NaN.
    const gradient = () =>
      tf.grad((filter: Tensor) => tf.sum(tf.conv2d(image(), filter as Tensor4D, 1, 'valid')) as Tensor)(
        noise([2, 2, 1, 1], 2) as Tensor4D,
      )
    expectSame(onBoth(gradient as never))
  })

  it.each([
    ['a filter', [2, 4], [1, 1]],
    ['strides', [2, 2], [1, 2]],
  ] as const)(
    'refuses a padding of 1 with %s that are not the same both ways, rather than write past the output',
    (_, [height, width], strides) => {
      const convolve = () =>
        tf.conv2d(noise([1, 5, 7, 3], 1) as Tensor4D, noise([height, width, 3, 2], 2) as Tensor4D, [...strides], 1)
      expect(() => wasm.use(() => tf.tidy(convolve))).toThrow(/square filter/)
    },
  )

  it('refuses a dilated gradient, as tfjs does', () => {
    const dilated = () =>
      withGradients([noise([1, 6, 6, 1], 1), noise([2, 2, 1, 1], 2)], ((x: Tensor4D, filter: Tensor4D) =>
        tf.conv2d(x, filter, 1, 'same', 'NHWC', 2)) as never)
    expect(() => wasm.use(() => tf.tidy(dilated as never))).toThrow(/dilation/)
    // What it had saved for the gradient that it then refused.
    allowTensors(7)
  })
})

describe('DepthwiseConv2dNative', () => {
  it('has the values and gradients of js, for random shapes, strides and paddings', () => {
    fc.assert(
      fc.property(convolutions, ({ image, filter: [height, width, multiplier], strides, pad }) =>
        compare(image, [height, width, image[3], multiplier], (x, weights) =>
          tf.depthwiseConv2d(x, weights, strides, pad),
        ),
      ),
      { numRuns: rounds(60) },
    )
  })
})

describe('fused convolutions', () => {
  it('have the values of js, for random shapes, strides and paddings', () => {
    fc.assert(
      fc.property(convolutions, ({ image, filter: [height, width, out], strides, pad }) =>
        expectSame(
          onBoth(() => {
            const x = noise(image, 1) as Tensor4D
            const depth = image[3]
            const options = { x, strides, pad, activation: 'relu' } as const
            return [
              tf.fused.conv2d({
                ...options,
                filter: noise([height, width, depth, out], 2) as Tensor4D,
                bias: noise([out], 3),
              }),
              tf.fused.depthwiseConv2d({
                ...{
                  ...options,
                  filter: noise([height, width, depth, out], 2) as Tensor4D,
                  bias: noise([out * depth], 3),
                },
              }),
            ]
          }),
        ),
      ),
      { numRuns: rounds(40) },
    )
  })
})
