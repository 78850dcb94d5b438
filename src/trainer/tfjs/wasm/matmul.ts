// tfjs's wasm backend multiplies two matrices by XNNPACK, and anything else (a batch of matrices, a transposed operand)
// by plain loops, 5 to 25 times slower. So transpose first, and multiply a batch one pair of matrices after the other.
import {
  dispose,
  floats,
  type Info,
  type KernelCall,
  sizeOf,
  type WasmBackend,
  type WasmFunction,
  wasmKernel,
} from './backend.js'

interface Transposes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Multiply-adds of one pair below which a call of its own costs more than the plain loops (measured: about 700). */
const worthACall = 1024

export const batchMatMul = wasmKernel<'a' | 'b', Transposes>('BatchMatMul', (call) => {
  const { inputs, attrs, backend, original } = call
  const { a, b } = inputs
  const [batchA, batchB] = [batchOf(a), batchOf(b)]
  const [rows, inner] = matrixOf(a, attrs.transposeA)
  const [innerB, columns] = matrixOf(b, attrs.transposeB)
  const isOrdinary = inner === innerB && (batchA === batchB || batchB === 1)
  const isSmall = batchB > 1 && rows * inner * columns < worthACall
  // What is wrong gets tfjs's own message.
  if (!isOrdinary || isSmall || a.dtype !== 'float32' || b.dtype !== 'float32') return original()
  const outShape = [...a.shape.slice(0, -2), rows, columns]
  if (inner === 0) {
    const output = backend.makeOutput(outShape, 'float32')
    floats(backend, output).fill(0)
    return output
  }
  if (sizeOf(outShape) === 0) return backend.makeOutput(outShape, 'float32')
  return untransposed(call, (left, right) => {
    const output = backend.makeOutput(outShape, 'float32')
    // One matrix on the right serves the whole batch: its rows are the rows of one matrix.
    if (batchB === 1) multiply(backend, [left, right, output], [batchA * rows, inner, columns], 1)
    else multiply(backend, [left, right, output], [rows, inner, columns], batchB)
    return output
  })
})

/** Product, bias and activation in one go: fast as it comes, but for transposed operands. */
export const fusedMatMul = wasmKernel<'a' | 'b', Transposes>('_FusedMatMul', (call) => {
  const { inputs, attrs, run } = call
  const { a, b } = inputs
  if ((!attrs.transposeA && !attrs.transposeB) || a.dtype !== 'float32' || b.dtype !== 'float32') return call.original()
  return untransposed(call, (left, right) =>
    run('_FusedMatMul', { ...inputs, a: left, b: right }, { ...attrs, transposeA: false, transposeB: false }),
  )
})

const batchOf = ({ shape }: Info) => sizeOf(shape.slice(0, -2))

function matrixOf({ shape }: Info, transposed: boolean): readonly [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number]
  return transposed ? [columns, rows] : [rows, columns]
}

/** Calls `work` with both operands as they are multiplied, and lets go of what had to be transposed for it. */
function untransposed(
  { inputs: { a, b }, attrs, backend, run }: KernelCall<'a' | 'b', Transposes>,
  work: (left: Info, right: Info) => Info,
): Info {
  const swap = (info: Info) => {
    const rank = info.shape.length
    const perm = info.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis))
    return run('Transpose', { x: info }, { perm })
  }
  const left = attrs.transposeA ? swap(a) : a
  const right = attrs.transposeB ? swap(b) : b
  try {
    return work(left, right)
  } finally {
    if (left !== a) dispose(backend, left)
    if (right !== b) dispose(backend, right)
  }
}

type Sizes = readonly [rows: number, inner: number, columns: number]

/** output = left · right by XNNPACK, for each of `batch` pairs of float32 matrices, one after the other in memory. Nothing where a size is 0. */
export function multiply(
  backend: WasmBackend,
  infos: readonly [left: Info, right: Info, output: Info],
  [rows, inner, columns]: Sizes,
  batch: number,
): void {
  if (rows * inner * columns === 0) return
  const product = functionOf(backend)
  const [leftShape, rightShape] = [asBytes([1, rows, inner]), asBytes([1, inner, columns])]
  const call = ([left, right, output]: readonly number[]) =>
    product(left!, leftShape, 3, right!, rightShape, 3, false, false, output!)
  const data = infos.map(({ dataId }) => backend.dataIdMap.get(dataId))
  if (batch === 1) {
    call(data.map(({ id }) => id))
    return
  }
  const sizes = [rows * inner, inner * columns, rows * columns]
  const { registerTensor, disposeData } = backend.wasm.tfjs
  for (let pair = 0; pair < batch; pair += 1) {
    // Each matrix is a tensor of the module's for a while, under an id never used again: XNNPACK keeps what it packed by it.
    const ids = data.map(({ memoryOffset }, operand) => {
      const id = backend.dataIdNextNumber++
      registerTensor(id, sizes[operand]!, memoryOffset + pair * sizes[operand]! * Float32Array.BYTES_PER_ELEMENT)
      return id
    })
    call(ids)
    for (const id of ids) disposeData(id)
  }
}

const asBytes = (shape: readonly number[]) => new Uint8Array(new Int32Array(shape).buffer)

const functions = new WeakMap<WasmBackend, WasmFunction>()

function functionOf(backend: WasmBackend): WasmFunction {
  const known = functions.get(backend)
  if (known !== undefined) return known
  // a, its shape and rank, b, its shape and rank, whether each is transposed, output.
  const types = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number', 'number'] as const
  const found = backend.wasm.cwrap('BatchMatMul', null, types)
  functions.set(backend, found)
  return found
}
