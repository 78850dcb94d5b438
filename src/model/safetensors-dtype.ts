/**
 * The element types of the format and their sizes in bits, in the order of the reference implementation
 * (`Dtype` in safetensors/src/tensor.rs): its writer puts the last first.
 */
const bits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const satisfies Readonly<Record<Dtype, number>>

export type Dtype =
  | 'BOOL'
  | 'F4'
  | 'F6_E2M3'
  | 'F6_E3M2'
  | 'U8'
  | 'I8'
  | 'F8_E5M2'
  | 'F8_E4M3'
  | 'F8_E8M0'
  | 'F8_E4M3FNUZ'
  | 'F8_E5M2FNUZ'
  | 'I16'
  | 'U16'
  | 'F16'
  | 'BF16'
  | 'I32'
  | 'U32'
  | 'F32'
  | 'C64'
  | 'F64'
  | 'I64'
  | 'U64'

const ranks = new Map(Object.keys(bits).map((dtype, rank) => [dtype, rank]))

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && ranks.has(value)
}

export function rankOf(dtype: Dtype): number {
  return ranks.get(dtype)!
}

/** The number of bytes of a tensor, or a description of the problem. Sizes above 2⁵³ − 1 are rejected. */
export function byteLengthOf(dtype: Dtype, shape: readonly number[]): number | string {
  let elements = 1
  for (const size of shape) {
    elements *= size
    // As in the reference reader, the order matters: [2⁵³, 2⁵³, 0] overflows before it becomes 0.
    if (!Number.isSafeInteger(elements)) return 'has a shape whose product is above 2^53 - 1'
  }
  const bitLength = elements * bits[dtype]
  if (!Number.isSafeInteger(bitLength)) return 'has more than 2^53 - 1 bits'
  if (bitLength % 8 !== 0) return `ends inside a byte (${elements} elements of ${bits[dtype]} bits)`
  return bitLength / 8
}
