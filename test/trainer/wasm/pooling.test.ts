import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { rounds } from '../../whole.js'
import { expectSame, noise, onBoth, tf, withGradients } from './both-devices.js'

const size = fc.integer({ min: 1, max: 7 })
const short = fc.integer({ min: 1, max: 3 })
const pools = fc
  .record({
    image: fc.tuple(short, size, size, short),
    filter: fc.tuple(short, short),
    strides: fc.tuple(short, short),
    pad: fc.constantFrom('same' as const, 'valid' as const),
  })
  .filter(({ image, filter, pad }) => pad === 'same' || (filter[0] <= image[1] && filter[1] <= image[2]))

describe.each(['maxPool', 'avgPool'] as const)('%s', (name) => {
  it('has the values and gradients of js, for random shapes, strides and paddings', () => {
    fc.assert(
      fc.property(pools, ({ image, filter, strides, pad }) => {
        const pool = (x: Tensor) => tf[name](x as Tensor4D, filter, strides, pad)
        expectSame(onBoth(() => withGradients([noise(image, 1)], pool)))
      }),
      { numRuns: rounds(80) },
    )
  })
})

describe('maxPool', () => {
  it('gives the gradient to the first of equal values, as js does', () => {
    const pool = (x: Tensor) => tf.maxPool(tf.relu(x) as Tensor4D, 3, 2, 'same')
    expectSame(onBoth(() => withGradients([noise([2, 7, 7, 3], 1)], pool)))
  })

  it('gives none for a window of NaN, as js does', () => {
    const gradient = () => {
      const input = tf.tensor4d([Number.NaN, Number.NaN, 1, Number.NaN], [1, 1, 4, 1])
      return tf.engine().runKernel(
        'MaxPoolGrad',
        { dy: tf.ones([1, 1, 2, 1]), input, output: tf.ones([1, 1, 2, 1]) },
        {
          ...{ filterSize: [1, 2], strides: [1, 2], pad: 'valid' },
        },
      ) as Tensor
    }
    expectSame(onBoth(gradient))
  })
})
