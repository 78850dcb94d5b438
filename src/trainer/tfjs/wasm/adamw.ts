import { type AdamWOptions, adamWKernel, beta1, beta2, factorsOfSums } from '../adamw.js'
import { type AdamWFunction, adamWFunction } from './adamw-module.js'
import { type Info, sizeOf, type WasmBackend, wasmKernel } from './backend.js'

/**
 * A step of AdamW that goes through memory once, where tfjs's operations do eleven times; the bytes are those of the
 * operations. The weight is a new one: XNNPACK keeps what it packed of a tensor for as long as the tensor lives.
 */
export const adamW = wasmKernel<'weight' | 'first' | 'second' | 'gradient', AdamWOptions>(
  adamWKernel,
  ({ inputs: { weight, first, second, gradient }, attrs, backend }) => {
    const output = backend.makeOutput(weight.shape, 'float32')
    const { rate, epsilon, kept } = factorsOfSums(attrs)
    const offset = ({ dataId }: Info) => backend.dataIdMap.get(dataId).memoryOffset
    const count = sizeOf(weight.shape)
    functionOf(backend)(
      ...([offset(weight), offset(first), offset(second), offset(gradient), offset(output)] as const),
      ...([(count - (count % 4)) * 4, count * 4] as const),
      ...([beta1, beta2, rate, epsilon, kept] as const),
    )
    for (const { dataId } of [first, second]) backend.incRef(dataId)
    return [output, first, second].map(({ dataId, shape, dtype }) => ({ dataId, shape, dtype }))
  },
)

const functions = new WeakMap<WasmBackend, AdamWFunction>()

function functionOf(backend: WasmBackend): AdamWFunction {
  const found = functions.get(backend) ?? adamWFunction(backend.wasm.asm.memory)
  functions.set(backend, found)
  return found
}
