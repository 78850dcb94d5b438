// tfjs's wasm backend lacks einsum, and tfjs has no gradient of it on any backend.
import type * as TensorFlow from '@tensorflow/tfjs-core'
import { dispose, type Info, sizeOf, wasmKernel } from './backend.js'

/** An equation as letters: `bthd,bshd->bhts` has two terms. One or two terms, no letter twice in a term, no ellipsis. */
function lettersOf(equation: string): { readonly terms: readonly string[]; readonly output: string } {
  const [inputs = '', output = ''] = equation.replace(/\s/g, '').split('->')
  return { terms: inputs.split(','), output }
}

/** A batch of matrix products: letters of both terms and the output are the batch, of both terms alone what is summed. */
export const einsum = wasmKernel<string, { readonly equation: string }>(
  'Einsum',
  ({ inputs, attrs: { equation }, backend, tf, run }) => {
    const tensors = Object.values(inputs)
    const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, tensors.length)
    tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as never)
    const { terms, output } = lettersOf(equation)
    const [left = '', right] = terms
    const sizes = new Map(
      terms.flatMap((term, at) => [...term].map((letter, axis) => [letter, tensors[at]!.shape[axis]!])),
    )
    const shapeOf = (letters: string) => [...letters].map((letter) => sizes.get(letter)!)
    const steps: Info[] = []
    const step = (name: string, x: Info, given: object) => {
      const result = run(name, { x }, given)
      steps.push(result)
      return result
    }
    /** `term`'s tensor as `wanted`: letters that are not wanted are summed. */
    const arrange = (tensor: Info, term: string, wanted: string): Info => {
      const axis = [...term].flatMap((letter, at) => (wanted.includes(letter) ? [] : [at]))
      const summed = axis.length === 0 ? tensor : step('Sum', tensor, { axis, keepDims: false })
      const kept = [...term].filter((letter) => wanted.includes(letter))
      return step('Transpose', summed, { perm: [...wanted].map((letter) => kept.indexOf(letter)) })
    }
    let result: Info
    if (right === undefined) result = arrange(tensors[0]!, left, output)
    else {
      const pick = (letters: string, inOther: boolean, inOutput: boolean) =>
        [...letters]
          .filter(
            (letter) =>
              (letters === left ? right : left).includes(letter) === inOther && output.includes(letter) === inOutput,
          )
          .join('')
      const [batch, summed, rows, columns] = [
        pick(left, true, true),
        pick(left, true, false),
        pick(left, false, true),
        pick(right, false, true),
      ]
      const asMatrices = (tensor: Info, term: string, [outer, inner]: readonly [string, string]): Info => ({
        ...arrange(tensor, term, batch + outer + inner),
        shape: [batch, outer, inner].map((letters) => sizeOf(shapeOf(letters))),
      })
      const a = asMatrices(tensors[0]!, left, [rows, summed])
      const b = asMatrices(tensors[1]!, right, [summed, columns])
      const product = run('BatchMatMul', { a, b }, { transposeA: false, transposeB: false })
      steps.push(product)
      const letters = batch + rows + columns
      result = arrange({ ...product, shape: shapeOf(letters) }, letters, output)
    }
    dispose(backend, ...steps.filter((info) => info !== result))
    return result
  },
)

/** d term = einsum of the output's gradient and the other term; letters of one term alone take the same value all along. */
export function registerEinsumGradient(tf: typeof TensorFlow): void {
  if (tf.getGradient('Einsum') !== undefined) return
  tf.registerGradient({
    kernelName: 'Einsum',
    saveAllInputs: true,
    gradFunc: (dy, saved, attrs) => {
      const { terms, output } = lettersOf(attrs.equation as string)
      const gradientOf = (term: string, at: number) => () => {
        const others = terms.flatMap((letters, index) => (index === at ? [] : [{ letters, tensor: saved[index]! }]))
        const known = [output, ...others.map(({ letters }) => letters)]
        const kept = [...term].filter((letter) => known.some((letters) => letters.includes(letter))).join('')
        const part = tf.einsum(
          `${known.join(',')}->${kept}`,
          dy as TensorFlow.Tensor,
          ...others.map(({ tensor }) => tensor),
        )
        const { shape } = saved[at]!
        if (kept.length === term.length) return part
        const narrow = [...term].map((letter, axis) => (kept.includes(letter) ? shape[axis]! : 1))
        return tf.broadcastTo(tf.reshape(part, narrow), shape as never)
      }
      return Object.fromEntries(terms.map((term, at) => [at, gradientOf(term, at)]))
    },
  })
}
