import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { TfjsCore } from './devices.js'
import type { WebGpuBackend } from './webgpu.js'

/**
 * Kernels in place of those that add up as the GPU's threads come by, so that the same numbers give the same bytes, and of
 * one that asks for more buffers at once than every GPU has.
 *
 * @param backendName the copy of tfjs's webgpu backend that they are for.
 */
export function registerWebGpuKernels(tf: TfjsCore, backendName: string): void {
  const replace = (kernelName: string, make: (original: Kernel) => Kernel) => {
    const config = tf.getKernel(kernelName, backendName)
    tf.unregisterKernel(kernelName, backendName)
    tf.registerKernel({ ...config, kernelFunc: make(config.kernelFunc as Kernel) as never })
  }
  for (const name of unordered)
    if (tf.getKernel(name, backendName) !== undefined) tf.unregisterKernel(name, backendName)
  replace('UnsortedSegmentSum', () => segmentSum)
  replace('AddN', addFewAtOnce)
  for (const name of ['BatchMatMul', '_FusedMatMul', 'Conv2D', 'FusedConv2D', 'Conv2DBackpropInput'])
    replace(name, (original) => withoutSplitting(tf, original))
}

/** They add up, or write one over the other, as the GPU's threads come by, and are not replaced: to use them is an error. */
const unordered = [
  ...['ScatterNd', 'SparseToDense', 'TensorScatterUpdate', 'Bincount', 'DenseBincount'],
  ...['SparseSegmentMean', 'SparseSegmentSum', 'Dilation2DBackpropFilter', 'Dilation2DBackpropInput'],
]

type Kernel = (call: Call) => TensorInfo

interface Call {
  readonly inputs: Readonly<Record<string, TensorInfo>>
  readonly backend: WebGpuBackend
  readonly attrs: Readonly<Record<string, unknown>>
}

/**
 * One thread for each number of the answer, which goes through its rows in their order. Where the segments are known here,
 * as those of a batch are, the rows are sorted by segment first; else every thread looks at all of them.
 */
const segmentSum: Kernel = ({ inputs, backend, attrs }) => {
  const { x, segmentIds } = inputs as Record<'x' | 'segmentIds', TensorInfo>
  const segments = attrs['numSegments'] as number
  const [rows, ...rest] = x.shape as [number, ...number[]]
  const width = rest.reduce((product, length) => product * length, 1)
  const request = { x, outputShape: [segments, ...rest], uniforms: { width, rows } }
  if (rows * width * segments === 0) return zeros(backend, request.outputShape, x.dtype)
  const ids = backend.integersOf(segmentIds.dataId)
  if (ids === undefined) return run(backend, { ...request, lists: { segmentIds }, body: amongAll })
  const lists = sortedBySegment(ids, segments)
  const tensors = { order: toTensor(backend, lists.order), starts: toTensor(backend, lists.starts) }
  const sum = run(backend, { ...request, lists: tensors, body: amongItsOwn })
  for (const { dataId } of Object.values(tensors)) backend.disposeData(dataId)
  return sum
}

const amongAll = `
  for (var row = 0; row < uniforms.rows; row = row + 1) {
    if (segmentIds[row] == segment) { sum = sum + x[row * uniforms.width + column]; }
  }`

const amongItsOwn = `
  for (var place = starts[segment]; place < starts[segment + 1]; place = place + 1) {
    sum = sum + x[order[place] * uniforms.width + column];
  }`

interface Request {
  readonly x: TensorInfo
  readonly outputShape: readonly number[]
  readonly uniforms: Readonly<Record<string, number>>
  readonly lists: Readonly<Record<string, TensorInfo>>
  /** WGSL that adds to \`sum\`. */
  readonly body: string
}

const threadsAtOnce = 64

function run(backend: WebGpuBackend, { x, outputShape, uniforms, lists, body }: Request): TensorInfo {
  const size = outputShape.reduce((product, length) => product * length, 1)
  const program = {
    outputShape,
    variableNames: ['x', ...Object.keys(lists)],
    uniforms: Object.keys(uniforms)
      .map((name) => `${name} : i32,`)
      .join(' '),
    workgroupSize: [threadsAtOnce, 1, 1],
    dispatchLayout: { x: [...outputShape.keys()] },
    dispatch: [Math.ceil(size / threadsAtOnce), 1, 1],
    size: true,
    shaderKey: `sheikh-segment-sum-${Object.keys(lists).join('-')}`,
    getUserCode: () => `
fn main(index : i32) {
  if (index >= uniforms.size) { return; }
  let segment = index / uniforms.width;
  let column = index % uniforms.width;
  var sum = ${x.dtype === 'int32' ? '0i' : '0.0f'};
  ${body}
  result[index] = sum;
}`,
  }
  const values = Object.values(uniforms).map((value) => ({ type: 'int32', data: [value] }) as const)
  return backend.runWebGPUProgram(program, [x, ...Object.values(lists)], x.dtype, values)
}

/** The rows of each segment, in their order, one segment after the other; those of no segment are left out. */
function sortedBySegment(ids: Int32Array, segments: number) {
  const isOne = (id: number) => id >= 0 && id < segments
  const starts = new Int32Array(segments + 1)
  for (const id of ids) if (isOne(id)) starts[id + 1]! += 1
  for (let segment = 0; segment < segments; segment += 1) starts[segment + 1]! += starts[segment]!
  const next = starts.slice()
  // One at least: there is no tensor of none on a GPU.
  const order = new Int32Array(Math.max(1, starts[segments]!))
  for (const [row, id] of ids.entries()) if (isOne(id)) order[next[id]!++] = row
  return { order, starts }
}

function toTensor(backend: WebGpuBackend, values: Int32Array): TensorInfo {
  const shape = [values.length]
  return { dataId: backend.write(values, shape, 'int32'), shape, dtype: 'int32' }
}

function zeros(backend: WebGpuBackend, shape: number[], dtype: TensorInfo['dtype']): TensorInfo {
  const size = shape.reduce((product, length) => product * length, 1)
  const values = dtype === 'int32' ? new Int32Array(size) : new Float32Array(size)
  return { dataId: backend.write(values, shape, dtype), shape, dtype }
}

// Every GPU has 8 buffers for a program (WebGPU's maxStorageBuffersPerShaderStage), and one of them is for the sum.
const mostAddends = 7

function addFewAtOnce(original: Kernel): Kernel {
  return (call) => {
    const addends = Object.values(call.inputs)
    const add = (some: readonly TensorInfo[]) => original({ ...call, inputs: some as never })
    let sum = add(addends.slice(0, mostAddends))
    for (let first = mostAddends; first < addends.length; first += mostAddends - 1) {
      const longer = add([sum, ...addends.slice(first, first + mostAddends - 1)])
      call.backend.disposeData(sum.dataId)
      sum = longer
    }
    return sum
  }
}

const longestUnsplit = 2000
const programFlag = 'WEBGPU_MATMUL_PROGRAM_TYPE'
const smallTiles = 2

/** tfjs cuts a long sum of products into parts that are added up as they come. Not for us: one thread adds up one number. */
function withoutSplitting(tf: TfjsCore, original: Kernel): Kernel {
  return (call) => {
    if (sumLength(call) < longestUnsplit) return original(call)
    const before = tf.env().get(programFlag)
    tf.env().set(programFlag, smallTiles)
    try {
      return original(call)
    } finally {
      tf.env().set(programFlag, before)
    }
  }
}

/** How many products one number of the answer is the sum of, at most. */
function sumLength({ inputs, attrs }: Call): number {
  const { a, x, dy, filter } = inputs
  if (a !== undefined) return a.shape.at(attrs['transposeA'] === true ? -2 : -1) ?? 1
  // Images by filters, [height, width, in, out]: backwards the sum is over what goes out.
  const [height = 1, width = 1, channelsIn = 1, channelsOut = 1] = filter?.shape ?? []
  return height * width * (x === undefined && dy !== undefined ? channelsOut : channelsIn)
}
