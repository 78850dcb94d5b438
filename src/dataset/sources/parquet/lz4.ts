import { damaged } from './damaged.js'

const wrong = () => damaged('a page is not LZ4 data of the size in its header')

/** Unpacks a block (github.com/lz4/lz4, lz4_Block_format.md) to exactly `size` bytes. */
export function unpackLz4Block(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size)
  let from = 0
  let to = 0
  const next = () => {
    if (from >= input.length) throw wrong()
    return input[from++]!
  }
  const lengthOf = (nibble: number) => {
    let length = nibble
    if (nibble === 15)
      for (let more = 255; more === 255; ) {
        more = next()
        length += more
      }
    return length
  }
  while (from < input.length) {
    const token = next()
    const literals = lengthOf(token >> 4)
    if (from + literals > input.length || to + literals > size) throw wrong()
    output.set(input.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from === input.length) break
    const distance = next() + 256 * next()
    const length = lengthOf(token & 15) + 4
    if (distance === 0 || distance > to || to + length > size) throw wrong()
    // The match may overlap what it produces, so it is copied byte by byte.
    for (const end = to + length; to < end; to += 1) output[to] = output[to - distance]!
  }
  if (to !== size) throw wrong()
  return output
}

/**
 * Unpacks the codec "LZ4" of old writers: Hadoop's frames (big-endian sizes, unpacked and packed, before each block), or
 * one block.
 */
export function unpackLz4(input: Uint8Array, size: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const blocks: Uint8Array[] = []
  let total = 0
  for (let at = 0; at < input.length; ) {
    if (at + 8 > input.length) return unpackLz4Block(input, size)
    const unpacked = view.getUint32(at)
    const packed = view.getUint32(at + 4)
    if (at + 8 + packed > input.length || total + unpacked > size) return unpackLz4Block(input, size)
    try {
      blocks.push(unpackLz4Block(input.subarray(at + 8, at + 8 + packed), unpacked))
    } catch (error) {
      if (at > 0) throw error
      return unpackLz4Block(input, size)
    }
    total += unpacked
    at += 8 + packed
  }
  if (total !== size) throw wrong()
  return Buffer.concat(blocks)
}
