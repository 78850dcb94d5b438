import type * as TensorFlow from '@tensorflow/tfjs-core'

export type Info = TensorFlow.TensorInfo
type HeapArray = Float32Array | Int32Array | Uint8Array

/** The parts of tfjs's wasm backend that a kernel needs. */
export interface WasmBackend {
  readonly wasm: WasmModule
  readonly dataIdMap: { get(dataId: object): { readonly id: number; readonly memoryOffset: number } }
  dataIdNextNumber: number
  makeOutput(shape: readonly number[], dtype: string): Info
  typedArrayFromHeap(info: Info): HeapArray
  disposeData(dataId: object): boolean
  incRef(dataId: object): void
}

interface WasmModule {
  readonly asm: { readonly memory: object }
  cwrap(name: string, returns: null, types: readonly ('number' | 'array')[]): WasmFunction
  readonly tfjs: {
    registerTensor(id: number, size: number, offset: number): void
    disposeData(id: number): void
  }
}
export type WasmFunction = (...values: readonly (number | boolean | Uint8Array)[]) => void

/** Runs another kernel of the same backend. What it gives is the caller's to `dispose`. */
export type RunKernel = (name: string, inputs: Readonly<Record<string, Info | undefined>>, attrs?: object) => Info

export interface KernelCall<Input extends string, Attrs = unknown> {
  readonly inputs: Readonly<Record<Input, Info>>
  readonly attrs: Attrs
  readonly backend: WasmBackend
  readonly tf: typeof TensorFlow
  readonly run: RunKernel
  /** The kernel of this name that tfjs's backend comes with, on the same inputs. */
  readonly original: (attrs?: object) => Info
}

/** A kernel of ours: added where tfjs's wasm backend lacks it, put in its place where it has one. */
export interface WasmKernel {
  readonly name: string
  // The attributes and inputs are those of the kernel's name: tfjs's own types promise no more.
  run(call: KernelCall<string, never>): Info | Info[]
}

/** Types one kernel by what its operation is documented to give it. */
export const wasmKernel = <Input extends string, Attrs = unknown>(
  name: string,
  run: (call: KernelCall<Input, Attrs>) => Info | Info[],
): WasmKernel => ({ name, run: run as unknown as WasmKernel['run'] })

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

// Views are to be taken after every allocation of a kernel: an allocation may move the heap.
export const floats = (backend: WasmBackend, info: Info): Float32Array =>
  backend.typedArrayFromHeap(info) as Float32Array

/** Working memory on the module's heap for as long as `work` takes, all zeros. */
export function withScratch(
  backend: WasmBackend,
  sizes: readonly number[],
  work: (scratch: readonly Info[]) => void,
): void {
  const scratch = sizes.map((size) => backend.makeOutput([size], 'float32'))
  try {
    for (const info of scratch) floats(backend, info).fill(0)
    work(scratch)
  } finally {
    dispose(backend, ...scratch)
  }
}

export const dispose = (backend: WasmBackend, ...infos: readonly Info[]): void => {
  for (const { dataId } of infos) backend.disposeData(dataId)
}
