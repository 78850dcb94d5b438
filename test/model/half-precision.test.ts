import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { type FloatDtype, fromFloat32, fromFloat64, type Tensor, toFloat32 } from '../../src/model/index.js'
import { rounds } from '../whole.js'

const halves = ['F16', 'BF16'] as const
const tensorOfBits = (dtype: FloatDtype, bits: Uint16Array): Tensor => ({
  ...{ name: 't', dtype, shape: [bits.length] },
  data: new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength),
})
const bitsOf = ({ data }: Tensor) => new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
const rounded = (dtype: FloatDtype, value: number) =>
  toFloat32(fromFloat32('t', dtype, [1], Float32Array.of(value)))[0]!

/** The definition of IEEE 754: sign, exponent and fraction, in float64. */
function meaning(dtype: (typeof halves)[number], bits: number): number {
  const [fractionBits, bias] = dtype === 'F16' ? [10, 15] : [7, 127]
  const exponent = (bits & 0x7fff) >>> fractionBits
  const fraction = (bits & ((1 << fractionBits) - 1)) / 2 ** fractionBits
  const sign = bits >>> 15 ? -1 : 1
  if (exponent === 2 * bias + 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias))
}

describe.each(halves)('%s', (dtype) => {
  const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
  const none = new Uint16Array(0)

  it('reads each of its 65,536 values as IEEE 754 defines it', () => {
    const values = toFloat32(tensorOfBits(dtype, all))
    expect(all.filter((bits) => !Object.is(values[bits], meaning(dtype, bits)))).toEqual(none)
  })

  it('writes each of them back as it was', () => {
    const values = toFloat32(tensorOfBits(dtype, all))
    const again = bitsOf(fromFloat32('t', dtype, [all.length], values))
    const isKept = (bits: number) =>
      Number.isNaN(values[bits]!) ? Number.isNaN(meaning(dtype, again[bits]!)) : again[bits] === bits
    expect(all.filter((bits) => !isKept(bits))).toEqual(none)
  })

  it('rounds to the nearest, ties to even', () => {
    const random = seededRandom('half')
    for (let round = 0; round < rounds(20_000); round += 1) {
      const bits = random.below(dtype === 'F16' ? 0x7bff : 0x7f7f)
      const [low, high] = [meaning(dtype, bits), meaning(dtype, bits + 1)]
      const middle = (low + high) / 2
      const even = bits % 2 === 0 ? low : high
      const share = random.uniform()
      // In float32, as it is given; all of its middles are exact there.
      const value = Math.fround(low + (high - low) * share)
      const nearest = value === middle ? even : value < middle ? low : high
      expect(rounded(dtype, value), `${value}`).toBe(nearest)
      if (Math.fround(middle) === middle) expect(rounded(dtype, -middle), `${middle}`).toBe(-even)
    }
  })

  it('rounds float64 once', () => {
    const random = seededRandom('half of float64')
    const nearestTo = (value: number) => toFloat32(fromFloat64('t', dtype, [1], Float64Array.of(value)))[0]!
    for (let round = 0; round < rounds(20_000); round += 1) {
      const bits = random.below(dtype === 'F16' ? 0x7bff : 0x7f7f)
      const [low, high] = [meaning(dtype, bits), meaning(dtype, bits + 1)]
      const middle = (low + high) / 2
      // A part of the gap below and above the middle, from far less than float32 can tell to a quarter of it.
      const part = (high - low) * 2 ** -(2 + random.below(38))
      for (const sign of [1, -1]) {
        expect(nearestTo(sign * (middle - part)), `below ${middle}`).toBe(sign * low)
        expect(nearestTo(sign * (middle + part)), `above ${middle}`).toBe(sign * high)
        expect(nearestTo(sign * middle), `${middle}`).toBe(sign * (bits % 2 === 0 ? low : high))
      }
    }
    expect(nearestTo(1e-300)).toBe(0)
    expect(nearestTo(-1e300)).toBe(Number.NEGATIVE_INFINITY)
    expect(nearestTo(Number.NaN)).toBeNaN()
  })

  it('keeps the sign of zero, and what is too large is infinite', () => {
    expect(rounded(dtype, -0)).toBe(-0)
    expect(rounded(dtype, 3.4e38)).toBe(Number.POSITIVE_INFINITY)
    expect(rounded(dtype, Number.NaN)).toBeNaN()
  })
})

it('the largest half is 65,504, and 65,520 is the first that is not', () => {
  expect(rounded('F16', 65_519)).toBe(65_504)
  expect(rounded('F16', 65_520)).toBe(Number.POSITIVE_INFINITY)
})

it('a tensor of another dtype is refused', () => {
  const tensor: Tensor = { name: 't', dtype: 'I64', shape: [1], data: new Uint8Array(8) }
  expect(() => toFloat32(tensor)).toThrow(expect.objectContaining({ code: 'artifact-corrupt' }))
})
