import type * as TensorFlow from '@tensorflow/tfjs-core'

type TypedArray = Float32Array | Int32Array

/** The parts of tfjs's wasm backend that a kernel needs. */
interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: string): TensorFlow.TensorInfo
  typedArrayFromHeap(info: TensorFlow.TensorInfo): TypedArray
}

/**
 * Kernels that tfjs's wasm backend lacks (`UnsortedSegmentSum`), or has slow (`GatherV2` copies row by row through a call
 * each), and that training embeddings needs; on our own backend, so that the host's stays as it is.
 */
export function registerWasmKernels(tf: typeof TensorFlow, backendName: string): void {
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName,
    kernelFunc({ inputs, attrs, backend }) {
      const { x, segmentIds } = inputs as { x: TensorFlow.TensorInfo; segmentIds: TensorFlow.TensorInfo }
      const { numSegments } = attrs as { numSegments: number }
      return segmentSum(backend as WasmBackend, x, segmentIds, numSegments)
    },
  })
  const slow = tf.getKernel('GatherV2', backendName)
  tf.unregisterKernel('GatherV2', backendName)
  tf.registerKernel({
    ...slow,
    kernelFunc(call) {
      const { x, indices } = call.inputs as { x: TensorFlow.TensorInfo; indices: TensorFlow.TensorInfo }
      const { axis, batchDims } = call.attrs as { axis: number; batchDims: number }
      const isOfRows = axis === 0 && batchDims === 0 && (x.dtype === 'float32' || x.dtype === 'int32')
      return isOfRows ? gatherRows(call.backend as WasmBackend, x, indices) : slow.kernelFunc(call)
    },
  })
}

/** out[i] = x[indices[i]]. x: [rows, …rest]; out: [...indices.shape, …rest]. */
function gatherRows(
  backend: WasmBackend,
  x: TensorFlow.TensorInfo,
  indices: TensorFlow.TensorInfo,
): TensorFlow.TensorInfo {
  const [rows = 0, ...rest] = x.shape
  const width = rest.reduce((product, size) => product * size, 1)
  const output = backend.makeOutput([...indices.shape, ...rest], x.dtype)
  // Views are taken after the allocation: it may move the heap.
  const gathered = backend.typedArrayFromHeap(output)
  const values = backend.typedArrayFromHeap(x)
  const wanted = backend.typedArrayFromHeap(indices)
  for (let item = 0; item < wanted.length; item += 1) {
    const row = wanted[item]!
    if (row < 0 || row >= rows) throw new Error(`GatherV2: the index value ${row} is not in [0, ${rows - 1}]`)
    for (let column = 0, from = row * width, to = item * width; column < width; column += 1)
      gathered[to + column] = values[from + column]!
  }
  return output
}

/** out[s] = Σ x[i] over segmentIds[i] = s; ids outside 0..numSegments−1 are dropped. x: [items, …rest], segmentIds: [items]. */
function segmentSum(
  backend: WasmBackend,
  x: TensorFlow.TensorInfo,
  segmentIds: TensorFlow.TensorInfo,
  numSegments: number,
): TensorFlow.TensorInfo {
  const rest = x.shape.slice(1)
  const width = rest.reduce((product, size) => product * size, 1)
  const output = backend.makeOutput([numSegments, ...rest], x.dtype)
  // Views are taken after the allocation: it may move the heap.
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
}
