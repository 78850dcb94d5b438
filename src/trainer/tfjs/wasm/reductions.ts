// tfjs's wasm backend sums any axes but the last by transposing first, which is slow for large sizes, and leaves whatever
// was in memory where there is nothing to reduce. Here rows are added to each other where they lie.
import { floats, type Info, type KernelCall, sizeOf, type WasmKernel, wasmKernel } from './backend.js'

interface Reduction {
  /** One of the two. */
  readonly axis?: number | number[]
  readonly reductionIndices?: number | number[]
  readonly keepDims?: boolean
}
type Call = KernelCall<'x', Reduction>

/** A reduction as it comes, but for tensors without values: it is `ofNothing`, as on the js device. */
const reduction = (
  name: string,
  ofNothing: number,
  fast: (call: Call) => Info | undefined = () => undefined,
): WasmKernel =>
  wasmKernel<'x', Reduction>(name, (call) => {
    const { inputs, attrs, backend, tf, original } = call
    const { x } = inputs
    if (sizeOf(x.shape) > 0) return fast(call) ?? original()
    const axes = tf.util.parseAxisParam(attrs.axis ?? attrs.reductionIndices!, x.shape)
    const output = backend.makeOutput(reducedShape(tf, x, axes, attrs), name === 'Mean' ? 'float32' : x.dtype)
    backend.typedArrayFromHeap(output).fill(ofNothing)
    return output
  })

function reducedShape(tf: Call['tf'], x: Info, axes: number[], { keepDims }: Reduction): number[] {
  const [shape] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes)
  return keepDims === true ? tf.backend_util.expandShapeToKeepDim(shape, axes) : shape
}

/** Sum or mean over neighbouring axes that are not the last; nothing for any others. */
function sumOfRows({ inputs: { x }, attrs, backend, tf }: Call, isMean: boolean): Info | undefined {
  const rank = x.shape.length
  const axes = tf.util.parseAxisParam(attrs.axis!, x.shape).sort((left, right) => left - right)
  const [first, last] = [axes[0]!, axes.at(-1)!]
  if (x.dtype !== 'float32' || axes.length === 0 || last === rank - 1 || last - first + 1 !== axes.length)
    return undefined
  const [count, width] = [sizeOf(x.shape.slice(first, last + 1)), sizeOf(x.shape.slice(last + 1))]
  const output = backend.makeOutput(reducedShape(tf, x, axes, attrs), 'float32')
  const [values, results] = [floats(backend, x), floats(backend, output)]
  const sums = new Float64Array(width)
  for (let at = 0, from = 0; at < results.length; at += width, from += count * width) {
    addRows(sums.fill(0), values.subarray(from, from + count * width))
    for (let column = 0; column < width; column += 1)
      results[at + column] = isMean ? sums[column]! / count : sums[column]!
  }
  return output
}

/** Four rows at a time: a sum is loaded and stored once for four values. */
function addRows(sums: Float64Array, rows: Float32Array): void {
  const width = sums.length
  let start = 0
  for (; start + 4 * width <= rows.length; start += 4 * width) {
    let [first, second, third, fourth] = [start, start + width, start + 2 * width, start + 3 * width]
    for (let column = 0; column < width; column += 1)
      sums[column]! += rows[first++]! + rows[second++]! + rows[third++]! + rows[fourth++]!
  }
  for (; start < rows.length; start += width)
    for (let column = 0; column < width; column += 1) sums[column]! += rows[start + column]!
}

export const reductions: readonly WasmKernel[] = [
  reduction('Sum', 0, (call) => sumOfRows(call, false)),
  reduction('Mean', 0, (call) => sumOfRows(call, true)),
  ...[reduction('Prod', 1), reduction('Max', Number.NaN), reduction('Min', Number.NaN)],
  ...[reduction('All', 0), reduction('Any', 0)],
]
