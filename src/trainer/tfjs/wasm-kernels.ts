import type * as TensorFlow from '@tensorflow/tfjs-core'
import type { RunKernel, WasmBackend, WasmKernel } from './wasm/backend.js'
import { batchMatMul, fusedMatMul } from './wasm/matmul.js'
import { gatherV2, unsortedSegmentSum } from './wasm/rows.js'

/** Each is tested against tfjs's cpu backend (test/trainer/wasm). */
export const wasmKernels: readonly WasmKernel[] = [batchMatMul, fusedMatMul, gatherV2, unsortedSegmentSum]

/** Kernels that tfjs's wasm backend lacks or has slow, on our own backend, so that the host's stays as it is. */
export function registerWasmKernels(tf: typeof TensorFlow, backendName: string): void {
  for (const kernel of wasmKernels) {
    const original = tf.getKernel(kernel.name, backendName)
    if (original !== undefined) tf.unregisterKernel(kernel.name, backendName)
    tf.registerKernel({
      // Its set-up function stays, for when it is called after all.
      ...original,
      kernelName: kernel.name,
      backendName,
      kernelFunc: (call) => {
        const backend = call.backend as WasmBackend
        const run: RunKernel = (name, inputs, attrs = {}) =>
          tf
            .getKernel(name, backendName)
            .kernelFunc({ inputs, backend, attrs: attrs as never }) as TensorFlow.TensorInfo
        return kernel.run({
          inputs: call.inputs as never,
          attrs: call.attrs as never,
          backend,
          run,
          original: () => original.kernelFunc(call) as TensorFlow.TensorInfo,
        })
      },
    })
  }
}
