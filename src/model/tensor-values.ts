import { endianness } from 'node:os'
import { SheikhError } from '../core/index.js'
import type { Tensor } from './safetensors.js'

interface Arrays {
  readonly U8: Uint8Array
  readonly U32: Uint32Array
  readonly F32: Float32Array
  readonly F64: Float64Array
}
const arrays = { U8: Uint8Array, U32: Uint32Array, F32: Float32Array, F64: Float64Array } as const

/** The supported dtypes that have a typed array in JavaScript. */
export type ArrayDtype = keyof Arrays
export type ValuesOf<D extends ArrayDtype> = Arrays[D]

/**
 * Makes a tensor of these values. @param shape sizes of the axes; their product must equal the length of `values`.
 * @throws `invalid-options`.
 */
export function tensorOf<D extends ArrayDtype>(
  name: string,
  dtype: D,
  shape: readonly number[],
  values: ValuesOf<D>,
): Tensor {
  if (shape.reduce((product, size) => product * size, 1) !== values.length)
    throw new SheikhError(
      'invalid-options',
      `Cannot make tensor "${name}": ${values.length} values do not match the shape [${shape.join(', ')}]. Give as many values as the shape has elements.`,
    )
  const data = new Uint8Array(values.byteLength)
  data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  return { name, dtype, shape: [...shape], data: littleEndian(data, values.BYTES_PER_ELEMENT) }
}

/**
 * The values of a tensor: a view of its data if aligned, otherwise a copy. @throws `artifact-corrupt` for another
 * dtype.
 */
export function valuesOf<D extends ArrayDtype>(tensor: Tensor, dtype: D): ValuesOf<D> {
  if (tensor.dtype !== dtype)
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot read tensor "${tensor.name}" as ${dtype}: its dtype is ${tensor.dtype}. Convert it to ${dtype} first.`,
      { facts: { tensor: tensor.name, dtype: tensor.dtype } },
    )
  const Values = arrays[dtype]
  const { buffer, byteOffset, length } = tensor.data
  const width = Values.BYTES_PER_ELEMENT
  const values =
    hostIsBigEndian || byteOffset % width !== 0
      ? new Values(littleEndian(new Uint8Array(tensor.data), width).buffer)
      : new Values(buffer as ArrayBuffer, byteOffset, length / width)
  return values as unknown as ValuesOf<D>
}

const hostIsBigEndian = endianness() === 'BE'

/** Swaps the bytes of values in place on big-endian machines. */
function littleEndian(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  if (!hostIsBigEndian || width === 1) return bytes
  const buffer = Buffer.from(bytes.buffer)
  if (width === 4) buffer.swap32()
  else buffer.swap64()
  return bytes
}
