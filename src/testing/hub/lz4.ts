const magic = 0x184d2204

/** One frame. https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
export function lz4Decompressed(frame: Buffer, sizeBytes: number): Buffer {
  if (frame.readUInt32LE(0) !== magic) throw new RangeError('Not an LZ4 frame')
  const flags = frame[4]!
  const hasBlockChecksum = (flags & 0x10) !== 0
  const output = Buffer.alloc(sizeBytes)
  // Magic, flags, block size and a checksum; where they are flagged the content's size and a dictionary's id.
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0)
  let written = 0
  for (let size = frame.readUInt32LE(at); size !== 0; size = frame.readUInt32LE(at)) {
    const length = size & 0x7fffffff
    const block = frame.subarray(at + 4, at + 4 + length)
    // The highest bit: stored as it is.
    written = size >>> 31 ? written + block.copy(output, written) : decodeBlock(block, output, written)
    at += 4 + length + (hasBlockChecksum ? 4 : 0)
  }
  if (written !== sizeBytes) throw new RangeError(`An LZ4 frame of ${written} bytes, not ${sizeBytes}`)
  return output
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md @returns where the output ends now. */
function decodeBlock(block: Buffer, output: Buffer, start: number): number {
  let at = 0
  let to = start
  const extended = (length: number) => {
    let total = length
    if (length === 15)
      for (let more = 255; more === 255; total += more) {
        more = block[at++] ?? fail()
      }
    return total
  }
  while (at < block.length) {
    const token = block[at++]!
    const literals = extended(token >>> 4)
    if (at + literals > block.length || to + literals > output.length) fail()
    to += block.copy(output, to, at, at + literals)
    at += literals
    // The last sequence has no match.
    if (at === block.length) break
    const distance = block.readUInt16LE(at)
    at += 2
    const length = extended(token & 15) + 4
    if (distance === 0 || distance > to || to + length > output.length) fail()
    // Byte by byte: a match may reach into what it writes itself.
    for (const end = to + length; to < end; to++) output[to] = output[to - distance]!
  }
  return to
}

function fail(): never {
  throw new RangeError('A damaged LZ4 block')
}
