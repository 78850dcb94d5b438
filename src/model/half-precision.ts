import { SheikhError } from '../core/index.js'
import type { Tensor } from './safetensors.js'
import { tensorOf, valuesOf } from './tensor-values.js'

/** The dtypes of language models. All arithmetic is in float32. */
export type FloatDtype = 'F32' | 'F16' | 'BF16'

export const floatDtypes: readonly FloatDtype[] = ['F32', 'F16', 'BF16']

/**
 * Converts the values of an F32, F16 or BF16 tensor to float32 without loss. Returns a view of F32 data if possible.
 *
 * @throws `artifact-corrupt` for another dtype.
 */
export function toFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype === 'F32') return valuesOf(tensor, 'F32')
  if (tensor.dtype !== 'F16' && tensor.dtype !== 'BF16')
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot read tensor "${tensor.name}" as numbers: its dtype is ${tensor.dtype}, not ${floatDtypes.join(', ')}. Convert it first.`,
      { facts: { tensor: tensor.name, dtype: tensor.dtype } },
    )
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)
  const bits = new Uint32Array(tensor.data.byteLength / 2)
  const widen = tensor.dtype === 'BF16' ? (half: number) => half << 16 : float32BitsOfHalf
  for (let index = 0; index < bits.length; index += 1) bits[index] = widen(view.getUint16(2 * index, true))
  return new Float32Array(bits.buffer)
}

/**
 * Makes a tensor of these values, rounded to the nearest value of the dtype, ties to even (IEEE 754). @throws
 * `invalid-options`.
 */
export function fromFloat32(name: string, dtype: FloatDtype, shape: readonly number[], values: Float32Array): Tensor {
  const tensor = tensorOf(name, 'F32', shape, values)
  if (dtype === 'F32') return tensor
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const data = new Uint8Array(2 * values.length)
  const view = new DataView(data.buffer)
  const narrow = dtype === 'BF16' ? brainOfFloat32Bits : halfOfFloat32Bits
  for (let index = 0; index < bits.length; index += 1) view.setUint16(2 * index, narrow(bits[index]!), true)
  return { name, dtype, shape: [...shape], data }
}

/**
 * The same of float64 values, rounded once: through float32, a value that is just above the middle of two halves would be rounded to
 * the middle first, and then to even. @throws `invalid-options`.
 */
export function fromFloat64(name: string, dtype: FloatDtype, shape: readonly number[], values: Float64Array): Tensor {
  const rounded = Float32Array.from(values)
  if (dtype !== 'F32') {
    // Round to odd: an inexact float32 has an odd last bit, so that the second rounding sees on which side of the middle it lies
    // (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd").
    const bits = new Uint32Array(rounded.buffer)
    for (let index = 0; index < bits.length; index += 1) {
      const [near, exact] = [rounded[index]!, values[index]!]
      if (near === exact || (bits[index]! & 1) === 1 || !Number.isFinite(near)) continue
      bits[index]! += Math.abs(near) < Math.abs(exact) ? 1 : -1
    }
  }
  return fromFloat32(name, dtype, shape, rounded)
}

function float32BitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 0x1f
  let fraction = half & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13)
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  // Below the smallest normal half: shifted until its leading bit is the hidden one of float32.
  let shift = 0
  for (; (fraction & 0x400) === 0; shift += 1) fraction <<= 1
  return sign | ((113 - shift) << 23) | ((fraction & 0x3ff) << 13)
}

function halfOfFloat32Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // From halfway between the largest half and the next value.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below the smallest normal half: units of 2⁻²⁴.
  if (magnitude < 0x38800000) return sign | roundHalfEven(magnitudeOf(magnitude) * 2 ** 24)
  return sign | roundShift(magnitude - (112 << 23), 13)
}

const brainOfFloat32Bits = (bits: number) =>
  (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : roundShift(bits >>> 0, 16)

/** Drops the lower bits, rounded to nearest, ties to even. */
function roundShift(value: number, count: number): number {
  const kept = value >>> count
  const dropped = value & ((1 << count) - 1)
  const half = 1 << (count - 1)
  return dropped > half || (dropped === half && (kept & 1) === 1) ? kept + 1 : kept
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

const word = new Uint32Array(1)
const number = new Float32Array(word.buffer)
function magnitudeOf(bits: number): number {
  word[0] = bits
  return number[0]!
}
