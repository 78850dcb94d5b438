import type { Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rounds } from '../../whole.js'
import { expectSame, noise, onBoth, tf, withGradients } from './both-devices.js'

const shape = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 })
const compare = (inputs: readonly (readonly number[])[], work: (...tensors: Tensor[]) => Tensor) =>
  expectSame(onBoth(() => work(...inputs.map((shape, at) => noise(shape, at)))))
const compareGradients = (inputs: readonly (readonly number[])[], work: (...tensors: Tensor[]) => Tensor) =>
  expectSame(
    onBoth(() =>
      withGradients(
        inputs.map((shape, at) => noise(shape, at)),
        work,
      ),
    ),
  )

describe('Sum, Mean, Prod, Max, Min', () => {
  const reductions = fc.record({
    of: shape.chain((sizes) =>
      fc.record({
        sizes: fc.constant(sizes),
        axes: fc.subarray(
          sizes.map((_, axis) => axis),
          { minLength: 1 },
        ),
      }),
    ),
    keepDims: fc.boolean(),
  })
  it.each(['sum', 'mean', 'prod', 'max', 'min'] as const)(
    '%s is that of js, for random axes, also of nothing',
    (name) => {
      fc.assert(
        fc.property(reductions, ({ of: { sizes, axes }, keepDims }) =>
          compare([sizes], (x) => tf[name](x, axes, keepDims)),
        ),
        { numRuns: rounds(60) },
      )
    },
  )

  it.each(['all', 'any'] as const)('%s is that of js, also of nothing', (name) => {
    fc.assert(
      fc.property(shape, (sizes) => compare([sizes], (x) => tf[name](tf.cast(tf.greater(x, 0), 'bool'), 0))),
      { numRuns: 30 },
    )
  })

  it.each([
    ['the first axis', [1027, 3], 0],
    ['axes in the middle', [2, 5, 7, 3], [1, 2]],
    ['axes apart', [2, 5, 7, 3], [0, 2]],
    ['axes counted from the end', [4, 5, 6], [-2]],
    ['all', [4, 5], undefined],
  ])('sums and means have the gradients of js: %s', (_, sizes, axes) => {
    compareGradients([sizes], (x) => tf.sum(x, axes))
    compareGradients([sizes], (x) => tf.mean(x, axes))
  })

  it('sums integers as integers, and passes NaN and infinities on', () => {
    expectSame(onBoth(() => tf.sum(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32'), 0)))
    expectSame(onBoth(() => tf.sum(tf.tensor2d([1, Number.NaN, Infinity, 4, -Infinity, 6], [3, 2]), 0)))
    expectSame(onBoth(() => tf.mean(tf.tensor2d([1, Number.NaN, Infinity, 4, 5, 6], [3, 2]), 0)))
  })
})

describe('Transpose', () => {
  const transposes = shape.chain((sizes) =>
    fc.record({
      sizes: fc.constant(sizes),
      perm: fc.shuffledSubarray(
        sizes.map((_, axis) => axis),
        { minLength: sizes.length, maxLength: sizes.length },
      ),
    }),
  )
  it('is that of js, for random permutations, also of nothing', () => {
    fc.assert(
      fc.property(transposes, ({ sizes, perm }) => compare([sizes], (x) => tf.transpose(x, perm))),
      { numRuns: rounds(100) },
    )
  })

  it.each([
    ['a matrix of 256 rows', [256, 9], [1, 0]],
    ['two matrices of 256 rows', [2, 256, 11], [0, 2, 1]],
    ['rows of two axes', [2, 128, 9], [2, 0, 1]],
    ['columns of two axes', [256, 3, 5], [1, 2, 0]],
    ['three axes turned round', [256, 3, 8], [2, 1, 0]],
  ])('is that of js: %s', (_, sizes, perm) => compare([sizes], (x) => tf.transpose(x, perm)))
})

describe('Tile', () => {
  const tiles = shape.chain((sizes) =>
    fc.record({
      sizes: fc.constant(sizes),
      reps: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: sizes.length, maxLength: sizes.length }),
    }),
  )
  it('is that of js, for random shapes and repetitions, also of nothing', () => {
    fc.assert(
      fc.property(tiles, ({ sizes, reps }) => compare([sizes], (x) => tf.tile(x, reps))),
      { numRuns: rounds(100) },
    )
  })

  it('has the gradients of js, and keeps dtypes', () => {
    compareGradients([[2, 3, 4]], (x) => tf.tile(x, [2, 1, 3]))
    expectSame(onBoth(() => tf.tile(tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32'), [2, 2])))
    expectSame(onBoth(() => tf.tile(tf.tensor1d([true, false], 'bool'), [3])))
  })
})

describe('GatherV2 and UnsortedSegmentSum', () => {
  const gathers = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
    wanted: fc.array(fc.nat(1000), { maxLength: 7 }),
    axis: fc.nat(1000),
  })
  const gather = (x: Tensor, wanted: readonly number[], axis: number) =>
    tf.gather(
      x,
      tf.tensor1d(
        wanted.map((index) => index % x.shape[axis]!),
        'int32',
      ),
      axis,
    )

  it('are those of js, along random axes, by random numbers, also none', () => {
    fc.assert(
      fc.property(gathers, ({ sizes, wanted, axis }) =>
        compare([sizes], (x) => gather(x, wanted, axis % sizes.length)),
      ),
      { numRuns: rounds(100) },
    )
  })

  it('have the gradients of js, repeated numbers added up', () => {
    fc.assert(
      fc.property(gathers, ({ sizes, wanted, axis }) => {
        fc.pre(wanted.length > 0)
        compareGradients([sizes], (x) => gather(x, wanted, axis % sizes.length))
      }),
      { numRuns: rounds(50) },
    )
  })

  it('gather within batches', () => {
    const indices = () => tf.tensor2d([0, 2, 1, 1, 0, 2], [2, 3], 'int32')
    compare([[2, 3, 4]], (x) => tf.gather(x, indices(), 1, 1))
  })

  it('drop what belongs to no segment', () => {
    compare([[4, 2]], (x) => tf.unsortedSegmentSum(x as never, tf.tensor1d([0, -1, 1, 7], 'int32'), 3))
  })

  it('refuse a number out of range, and leave nothing behind', () => {
    expect(() => onBoth(() => tf.gather(noise([3, 2], 1), tf.tensor1d([3], 'int32')))).toThrow(
      /index value 3 is not in/,
    )
  })
})
