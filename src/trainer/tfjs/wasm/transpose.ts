import { floats, sizeOf, wasmKernel } from './backend.js'

/**
 * As it comes, but for two cases: a tensor without values, on which tfjs's may divide by zero; and matrices of a multiple of
 * 256 rows, in which a column's values all fall on the same few lines of the processor's cache (2 to 5 times slower).
 */
export const transpose = wasmKernel<'x', { readonly perm: readonly number[] }>(
  'Transpose',
  ({ inputs: { x }, attrs: { perm }, backend, original }) => {
    const outShape = perm.map((axis) => x.shape[axis]!)
    if (sizeOf(x.shape) === 0) return backend.makeOutput(outShape, x.dtype)
    const swap = swapOf(x.shape, perm)
    if (swap === undefined || x.dtype !== 'float32' || swap.rows % 256 !== 0 || swap.columns < 8) return original()
    const output = backend.makeOutput(outShape, 'float32')
    const [from, to] = [floats(backend, x), floats(backend, output)]
    const size = swap.rows * swap.columns
    for (let at = 0; at < to.length; at += size)
      transposeMatrix(from.subarray(at, at + size), to.subarray(at, at + size), swap.rows, swap.columns)
    return output
  },
)

interface Swap {
  readonly rows: number
  readonly columns: number
}

/** The matrices that a permutation transposes: leading axes that stay, then two groups of neighbours that change places. */
function swapOf(shape: readonly number[], perm: readonly number[]): Swap | undefined {
  const first = perm.findIndex((axis, at) => axis !== at)
  if (first < 0) return undefined
  const split = perm[first]!
  const isSwap = perm.slice(first).every((axis, at) => axis === first + ((at + split - first) % (perm.length - first)))
  return isSwap ? { rows: sizeOf(shape.slice(first, split)), columns: sizeOf(shape.slice(split)) } : undefined
}

/** Eight rows at a time, so that what is written lies side by side. `rows` is a multiple of 8. */
function transposeMatrix(from: Float32Array, to: Float32Array, rows: number, columns: number): void {
  for (let row = 0; row < rows; row += 8) {
    let [a, b, c, d] = [row * columns, (row + 1) * columns, (row + 2) * columns, (row + 3) * columns]
    let [e, f, g, h] = [(row + 4) * columns, (row + 5) * columns, (row + 6) * columns, (row + 7) * columns]
    for (let column = 0, at = row; column < columns; column += 1, at += rows) {
      to[at] = from[a++]!
      to[at + 1] = from[b++]!
      to[at + 2] = from[c++]!
      to[at + 3] = from[d++]!
      to[at + 4] = from[e++]!
      to[at + 5] = from[f++]!
      to[at + 6] = from[g++]!
      to[at + 7] = from[h++]!
    }
  }
}
