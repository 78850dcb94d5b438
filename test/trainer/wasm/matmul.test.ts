import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rounds } from '../../whole.js'
import { expectSame, noise, onBoth, tf, withGradients } from './both-devices.js'

const size = fc.integer({ min: 1, max: 17 })
const shapes = fc.record({
  rows: size,
  inner: size,
  columns: size,
  batch: fc.integer({ min: 1, max: 4 }),
  sharedRight: fc.boolean(),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
})

const operands = (of: typeof shapes extends fc.Arbitrary<infer S> ? S : never) => ({
  left: [of.batch, ...(of.transposeA ? [of.inner, of.rows] : [of.rows, of.inner])],
  right: [of.sharedRight ? 1 : of.batch, ...(of.transposeB ? [of.columns, of.inner] : [of.inner, of.columns])],
})

describe('BatchMatMul', () => {
  it('is that of js, for random shapes, batches and transposes', () => {
    fc.assert(
      fc.property(shapes, (of) => {
        const { left, right } = operands(of)
        expectSame(onBoth(() => tf.matMul(noise(left, 1), noise(right, 2), of.transposeA, of.transposeB)))
      }),
      { numRuns: rounds(60) },
    )
  })

  it('has the gradients of js', () => {
    fc.assert(
      fc.property(shapes, (of) => {
        // tfjs itself has no gradient for a matrix that serves a whole batch.
        const { left, right } = operands({ ...of, sharedRight: false })
        const product = (a: never, b: never) => tf.matMul(a, b, of.transposeA, of.transposeB)
        expectSame(onBoth(() => withGradients([noise(left, 1), noise(right, 2)], product as never)))
      }),
      { numRuns: 30 },
    )
  })

  it.each([
    ['two matrices', [2, 3], [3, 4]],
    ['four dimensions', [2, 3, 16, 8], [2, 3, 8, 16]],
    ['no rows', [0, 3], [3, 4]],
    ['no columns', [2, 3], [3, 0]],
    ['nothing to add up', [2, 0], [0, 4]],
    ['no pairs', [0, 2, 3], [0, 3, 4]],
  ])('keeps shapes: %s', (_, left, right) => {
    expectSame(onBoth(() => tf.matMul(noise(left, 1), noise(right, 2))))
  })

  it.each([false, true])('passes NaN and infinities on (transposed: %s)', (transposed) => {
    const left = () => tf.tensor2d([1, Number.NaN, Infinity, 2, -Infinity, 3, 4, 5, 6], [3, 3])
    expectSame(onBoth(() => tf.matMul(left(), noise([3, 5], 2), transposed, false)))
    expectSame(onBoth(() => tf.matMul(noise([5, 3], 2), left(), false, transposed)))
  })

  it('refuses shapes that do not fit, and leaves nothing behind', () => {
    expect(() => onBoth(() => tf.matMul(noise([2, 3], 1), noise([4, 2], 2), false, false))).toThrow(/inner shapes/i)
  })
})

describe('_FusedMatMul', () => {
  const activations = ['linear', 'relu', 'relu6', 'sigmoid', 'elu', 'leakyrelu'] as const
  it('is that of js, for random shapes, transposes and activations', () => {
    const cases = fc.record({ shapes, activation: fc.constantFrom(...activations) })
    fc.assert(
      fc.property(cases, ({ shapes: { rows, inner, columns, transposeA, transposeB }, activation }) => {
        const [left, right] = [
          transposeA ? [inner, rows] : [rows, inner],
          transposeB ? [columns, inner] : [inner, columns],
        ]
        const fused = () =>
          tf.fused.matMul({
            ...{ a: noise(left, 1), b: noise(right, 2), transposeA, transposeB },
            ...{ bias: noise([columns], 3), activation, leakyreluAlpha: 0.25 },
          })
        expectSame(onBoth(fused))
      }),
      { numRuns: rounds(60) },
    )
  })

  it('has the gradients of js', () => {
    const fused = (a: never, b: never, bias: never) => tf.fused.matMul({ a, b, bias, activation: 'relu' })
    expectSame(onBoth(() => withGradients([noise([5, 7], 1), noise([7, 3], 2), noise([3], 3)], fused as never)))
  })
})
