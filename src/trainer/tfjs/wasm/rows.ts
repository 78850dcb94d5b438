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

/** Slices of x along an axis, by their numbers; tfjs's own copies slice by slice through a call each. */
export const gatherV2 = wasmKernel<'x' | 'indices', { readonly axis: number; readonly batchDims: number }>(
  'GatherV2',
  ({ inputs: { x, indices }, attrs: { axis, batchDims }, backend, tf }): Info => {
    const [parsed] = tf.util.parseAxisParam(axis, x.shape)
    const shapes = tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as never,
      indices as never,
      parsed!,
      batchDims,
    )
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shapes
    const output = backend.makeOutput(outputShape, x.dtype)
    const gathered = backend.typedArrayFromHeap(output) // [batch, outer, wanted, slice]
    const values = backend.typedArrayFromHeap(x) // [batch, outer, dim, slice]
    const wanted = backend.typedArrayFromHeap(indices) // [batch, wanted]
    const wrong = wanted.find((index) => !(index >= 0 && index < dimSize))
    if (wrong !== undefined) {
      backend.disposeData(output.dataId)
      throw new Error(`GatherV2: the index value ${wrong} is not in [0, ${dimSize - 1}]`)
    }
    const count = batchSize === 0 ? 0 : wanted.length / batchSize
    for (let block = 0, to = 0; block < batchSize * outerSize; block += 1) {
      const firstIndex = Math.floor(block / outerSize) * count
      for (let item = 0; item < count; item += 1) {
        const from = (block * dimSize + wanted[firstIndex + item]!) * sliceSize
        for (let at = 0; at < sliceSize; at += 1) gathered[to++] = values[from + at]!
      }
    }
    return output
  },
)
