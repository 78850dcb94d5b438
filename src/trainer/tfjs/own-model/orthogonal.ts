import { seededRandom } from '../../../core/index.js'
import type { Tfjs } from './load-tfjs.js'

/**
 * Runs `work` with a faster orthogonal initializer. The one of tfjs takes 6 seconds for the 64 × 256 numbers of an
 * LSTM, and prints a warning. The distribution is the same.
 */
export function withQuickOrthogonal<R>(tf: Tfjs, work: () => R): R {
  const prototype = Object.getPrototypeOf(tf.initializers.orthogonal({})) as { apply: unknown }
  const { apply } = prototype
  prototype.apply = function (this: { readonly gain: number; readonly seed?: number | null }, shape: number[]) {
    return tf.tensor(orthogonal(shape, this.gain, this.seed ?? 0), shape)
  }
  try {
    return work()
  } finally {
    prototype.apply = apply
  }
}

/**
 * The Q of a matrix of normal numbers whose R has a positive diagonal: uniform over all such matrices (F. Mezzadri, "How to
 * generate random matrices from the classical compact groups", Notices of the AMS 54, 2007), by modified Gram and Schmidt.
 *
 * @param shape all dimensions but the last are flattened to rows, as in Keras.
 */
export function orthogonal(shape: readonly number[], gain: number, seed: number): Float32Array {
  const columns = shape.at(-1)!
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1)
  const [length, count] = [Math.max(rows, columns), Math.min(rows, columns)]
  const random = seededRandom(seed)
  const vectors = Array.from({ length: count }, () => Float64Array.from({ length }, () => random.normal()))
  const dot = (one: Float64Array, other: Float64Array) => one.reduce((sum, value, at) => sum + value * other[at]!, 0)
  vectors.forEach((vector, place) => {
    for (const before of vectors.slice(0, place)) {
      const share = dot(vector, before)
      before.forEach((value, at) => {
        vector[at]! -= share * value
      })
    }
    const norm = Math.sqrt(dot(vector, vector))
    vectors[place] = vector.map((value) => value / norm)
  })
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns]
    return gain * (rows >= columns ? vectors[column]![row]! : vectors[row]![column]!)
  })
}
