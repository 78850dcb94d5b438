import type * as TensorFlow from '@tensorflow/tfjs-core'
import { adamW } from './wasm/adamw.js'
import type { RunKernel, WasmBackend, WasmKernel } from './wasm/backend.js'
import { conv2DBackpropFilter, conv2DBackpropInput } from './wasm/conv2d-gradients.js'
import { depthwiseBackpropFilter, depthwiseBackpropInput } from './wasm/depthwise-gradients.js'
import { einsum, registerEinsumGradient } from './wasm/einsum.js'
import { batchMatMul, fusedMatMul } from './wasm/matmul.js'
import { maxPoolGrad } from './wasm/max-pool-gradient.js'
import { paddedConvolutions } from './wasm/padded-convolutions.js'
import { reductions } from './wasm/reductions.js'
import { gatherV2, unsortedSegmentSum } from './wasm/rows.js'
import { tile } from './wasm/tile.js'
import { transpose } from './wasm/transpose.js'

/** Each is tested against tfjs's cpu backend (test/trainer/wasm). */
export const wasmKernels: readonly WasmKernel[] = [
  adamW,
  batchMatMul,
  fusedMatMul,
  ...paddedConvolutions,
  conv2DBackpropFilter,
  conv2DBackpropInput,
  depthwiseBackpropFilter,
  depthwiseBackpropInput,
  einsum,
  gatherV2,
  maxPoolGrad,
  ...reductions,
  tile,
  transpose,
  unsortedSegmentSum,
]

/** Kernels that tfjs's wasm backend lacks or has slow, on our own backend, so that the host's stays as it is. */
export function registerWasmKernels(tf: typeof TensorFlow, backendName: string): void {
  registerEinsumGradient(tf)
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
          tf,
          run,
          original: (attrs) =>
            original.kernelFunc({ ...call, attrs: (attrs ?? call.attrs) as never }) as TensorFlow.TensorInfo,
        })
      },
    })
  }
}
