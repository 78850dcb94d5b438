import type { Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rounds } from '../../whole.js'
import { expectSame, js, noise, on, onBoth, tf, wasm, withGradients } from './both-devices.js'

const letters = ['a', 'b', 'c', 'd'] as const
const term = fc.shuffledSubarray([...letters])
const sizes = fc.record({
  a: fc.integer({ min: 1, max: 5 }),
  b: fc.integer({ min: 1, max: 5 }),
  c: fc.integer({ min: 1, max: 5 }),
  d: fc.integer({ min: 1, max: 5 }),
})
const equations = fc
  .record({ sizes, terms: fc.array(term, { minLength: 1, maxLength: 2 }), output: term })
  .map(({ sizes, terms, output }) => ({
    shapes: terms.map((letters) => letters.map((letter) => sizes[letter])),
    equation: `${terms.map((letters) => letters.join('')).join(',')}->${output.filter((letter) => terms.flat().includes(letter)).join('')}`,
  }))

/** By definition: every term stretched over all letters, multiplied, summed. (That of js forgets sums of a lone letter.) */
function byDefinition(equation: string, tensors: readonly Tensor[]): Tensor {
  const [inputs, output] = equation.split('->') as [string, string]
  const terms = inputs.split(',')
  const all = [...new Set([...output, ...inputs.replace(',', '')])]
  const stretched = tensors.map((tensor, at) => {
    const present = all.filter((letter) => terms[at]!.includes(letter))
    const perm = present.map((letter) => terms[at]!.indexOf(letter))
    const shape = all.map((letter) => (present.includes(letter) ? tensor.shape[terms[at]!.indexOf(letter)]! : 1))
    return tf.reshape(tf.transpose(tensor, perm), shape)
  })
  const product = stretched.reduce((left, right) => tf.mul(left, right))
  const summed = all.flatMap((_, axis) => (axis < output.length ? [] : [axis]))
  return summed.length === 0 ? product : tf.sum(product, summed)
}

const compare = (equation: string, shapes: readonly (readonly number[])[]) => {
  const inputs = () => shapes.map((shape, at) => noise(shape, at))
  expectSame({
    wasm: on(wasm, () => withGradients(inputs(), (...tensors) => tf.einsum(equation, ...tensors))),
    js: on(js, () => withGradients(inputs(), (...tensors) => byDefinition(equation, tensors))),
  })
}

describe('Einsum', () => {
  it('has the values and gradients of the definition on js, for random equations', () => {
    fc.assert(
      fc.property(equations, ({ equation, shapes }) => compare(equation, shapes)),
      { numRuns: rounds(150) },
    )
  })

  it.each([
    [
      'the scores of attention',
      'bthd,bshd->bhts',
      [
        [2, 5, 3, 4],
        [2, 6, 3, 4],
      ],
    ],
    [
      'a projection into heads',
      'btd,dhk->bthk',
      [
        [2, 5, 8],
        [8, 2, 4],
      ],
    ],
    [
      'nothing to add up',
      'ab,bc->ac',
      [
        [2, 0],
        [0, 3],
      ],
    ],
  ])('%s', (_, equation, shapes) => compare(equation, shapes))

  it('gives no items for none', () => {
    expectSame(onBoth(() => tf.einsum('ab,bc->ac', noise([0, 3], 1), noise([3, 2], 2))))
  })

  it('refuses sizes that do not fit', () => {
    expect(() => wasm.use(() => tf.tidy(() => tf.einsum('ab,bc->ac', noise([2, 3], 1), noise([4, 2], 2))))).toThrow(
      /dimension/i,
    )
  })
})
