import type { CallContext } from '../core/index.js'
import { chunksOf, withPlainFile } from '../store/index.js'
import type { Tensor } from './safetensors.js'
import type { Dtype } from './safetensors-dtype.js'
import { type SafetensorsHeader, unsound } from './safetensors-header.js'

/**
 * Byte pattern of values that are infinite or NaN: every `stride` bytes, the last byte under `mask` is `value`, and the
 * one before it has all bits of `before`. Works on bytes, so that alignment and byte order do not matter.
 */
interface NotFinite {
  readonly stride: number
  readonly mask: number
  readonly value: number
  readonly before: number
}

// IEEE 754: an exponent of all ones. The 8-bit types have NaN patterns of their own (OCP OFP8 1.0; FNUZ: -0 is NaN).
const notFinite: { readonly [D in Dtype]?: NotFinite } = {
  F16: { stride: 2, mask: 0x7c, value: 0x7c, before: 0 },
  BF16: { stride: 2, mask: 0x7f, value: 0x7f, before: 0x80 },
  F32: { stride: 4, mask: 0x7f, value: 0x7f, before: 0x80 },
  C64: { stride: 4, mask: 0x7f, value: 0x7f, before: 0x80 },
  F64: { stride: 8, mask: 0x7f, value: 0x7f, before: 0xf0 },
  F8_E5M2: { stride: 1, mask: 0x7c, value: 0x7c, before: 0 },
  F8_E4M3: { stride: 1, mask: 0x7f, value: 0x7f, before: 0 },
  F8_E8M0: { stride: 1, mask: 0xff, value: 0xff, before: 0 },
  F8_E4M3FNUZ: { stride: 1, mask: 0xff, value: 0x80, before: 0 },
  F8_E5M2FNUZ: { stride: 1, mask: 0xff, value: 0x80, before: 0 },
}

/** The first element that is infinite or NaN. Types without such values (integers, F4, F6) never have one. */
export function checkFinite(tensor: Tensor): number | undefined {
  const pattern = notFinite[tensor.dtype]
  if (pattern === undefined) return undefined
  const byte = findPattern(tensor.data, pattern)
  return byte === undefined ? undefined : elementAt(byte, tensor.dtype, pattern)
}

/** The first value in a file, in data order, that is infinite or NaN. Reads the file in pieces. */
export async function findNonFinite(
  path: string,
  header: SafetensorsHeader,
  context: CallContext,
): Promise<{ readonly tensor: string; readonly index: number } | undefined> {
  context.signal.throwIfAborted()
  return withPlainFile(path, async (file) => {
    if (file.sizeBytes !== header.sizeBytes)
      throw unsound(path, `its size is ${file.sizeBytes} bytes, but was ${header.sizeBytes} when its header was read`)
    for (const { name, dtype, begin, end } of header.tensors) {
      const pattern = notFinite[dtype]
      if (pattern === undefined) continue
      let done = 0
      // Pieces are a multiple of every stride, so that no element spans two pieces.
      for await (const piece of chunksOf(file, begin, end, context)) {
        const byte = findPattern(piece, pattern)
        if (byte !== undefined) return { tensor: name, index: elementAt(done + byte, dtype, pattern) }
        done += piece.length
      }
    }
    return undefined
  })
}

function findPattern(bytes: Uint8Array, { stride, mask, value, before }: NotFinite): number | undefined {
  for (let last = stride - 1; last < bytes.length; last += stride)
    if ((bytes[last]! & mask) === value && (before === 0 || (bytes[last - 1]! & before) === before)) return last
  return undefined
}

// A complex element has two parts.
const elementAt = (byte: number, dtype: Dtype, { stride }: NotFinite) =>
  Math.floor(byte / (dtype === 'C64' ? 2 * stride : stride))
