import { type Info, sizeOf, wasmKernel } from './backend.js'

/**
 * out[s] = Σ x[i] over segmentIds[i] = s; ids outside 0..numSegments−1 are dropped. x: [items, …rest], segmentIds: [items].
 * tfjs's wasm backend lacks it, and the gradient of an embedding needs it.
 */
export const unsortedSegmentSum = wasmKernel<'x' | 'segmentIds', { readonly numSegments: number }>(
  'UnsortedSegmentSum',
  ({ inputs: { x, segmentIds }, attrs: { numSegments }, backend }) => {
    const rest = x.shape.slice(1)
    const width = sizeOf(rest)
    const output = backend.makeOutput([numSegments, ...rest], x.dtype)
    const sums = backend.typedArrayFromHeap(output)
    const values = backend.typedArrayFromHeap(x)
    const ids = backend.typedArrayFromHeap(segmentIds)
    sums.fill(0)
    for (let item = 0; item < ids.length; item += 1) {
      const segment = ids[item]!
      if (segment < 0 || segment >= numSegments) continue
      for (let column = 0, from = item * width, to = segment * width; column < width; column += 1)
        sums[to + column]! += values[from + column]!
    }
    return output
  },
)

/** out[i] = x[indices[i]]; tfjs's own copies row by row through a call each. x: [rows, …rest]; out: [...indices.shape, …rest]. */
export const gatherV2 = wasmKernel<'x' | 'indices', { readonly axis: number; readonly batchDims: number }>(
  'GatherV2',
  ({ inputs: { x, indices }, attrs: { axis, batchDims }, backend, original }): Info => {
    if (axis !== 0 || batchDims !== 0 || (x.dtype !== 'float32' && x.dtype !== 'int32')) return original()
    const [rows = 0, ...rest] = x.shape
    const width = sizeOf(rest)
    const output = backend.makeOutput([...indices.shape, ...rest], x.dtype)
    const gathered = backend.typedArrayFromHeap(output)
    const values = backend.typedArrayFromHeap(x)
    const wanted = backend.typedArrayFromHeap(indices)
    for (let item = 0; item < wanted.length; item += 1) {
      const row = wanted[item]!
      if (row < 0 || row >= rows) {
        backend.disposeData(output.dataId)
        throw new Error(`GatherV2: the index value ${row} is not in [0, ${rows - 1}]`)
      }
      for (let column = 0, from = row * width, to = item * width; column < width; column += 1)
        gathered[to + column] = values[from + column]!
    }
    return output
  },
)
