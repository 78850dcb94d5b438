import type * as TensorFlow from '@tensorflow/tfjs-core'

type TypedArray = Float32Array | Int32Array

/** The parts of tfjs's wasm backend that a kernel needs. */
interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: string): TensorFlow.TensorInfo
  typedArrayFromHeap(info: TensorFlow.TensorInfo): TypedArray
}

/** Kernels that tfjs's wasm backend lacks and training embeddings needs; on our own backend, so that the host's stays as it is. */
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
