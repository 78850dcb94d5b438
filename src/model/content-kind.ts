/** The kind of a file's content, by its magic number. A file can be a tar archive as well (`isTar`). */
export type ContentKind =
  | { readonly kind: 'gzip' | 'zlib' | 'zip' | 'numpy' | 'hdf5' | 'json' | 'other' }
  /** A container that cannot be unpacked here. */
  | { readonly kind: 'packed'; readonly format: string }

const packedFormats: readonly (readonly [magic: string, format: string])[] = [
  ['BZh', 'bzip2'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['\x04\x22\x4d\x18', 'lz4'],
  ['\x02\x21\x4c\x18', 'lz4'],
  ['LZIP', 'lzip'],
  ['7z\xbc\xaf\x27\x1c', '7z'],
  ['Rar!\x1a\x07', 'RAR'],
  ['\x1f\x9d', 'compress'],
]
const hdf5Magic = '\x89HDF\r\n\x1a\n'

/** @param head the first bytes of the file: 64 KiB, or all of them. */
export function contentKind(head: Buffer): ContentKind {
  const starts = (magic: string) => head.toString('latin1', 0, magic.length) === magic
  if (starts('\x1f\x8b')) return { kind: 'gzip' }
  // RFC 1950: deflate with a window of 32 KiB, and a header that is a multiple of 31.
  if (head.length >= 2 && head[0] === 0x78 && head.readUInt16BE(0) % 31 === 0) return { kind: 'zlib' }
  for (const [magic, format] of packedFormats) if (starts(magic)) return { kind: 'packed', format }
  // A skippable frame may precede the data of zstd and lz4.
  if (head.length >= 4 && head.readUInt32LE(0) >>> 4 === 0x184d2a5) return { kind: 'packed', format: 'zstd' }
  if (isLzmaAlone(head)) return { kind: 'packed', format: 'lzma' }
  if (starts('PK\x03\x04') || starts('PK\x05\x06')) return { kind: 'zip' }
  if (starts('\x93NUMPY')) return { kind: 'numpy' }
  // HDF5 may begin after a block of the user: 512 bytes, or 512 times a power of two.
  for (let at = 0; at + 8 <= head.length; at = at === 0 ? 512 : 2 * at)
    if (head.toString('latin1', at, at + 8) === hdf5Magic) return { kind: 'hdf5' }
  return { kind: /^(\xef\xbb\xbf)?\s*[[{]/.test(head.toString('latin1', 0, 1024)) ? 'json' : 'other' }
}

/** The .lzma format has no magic number. These are the tests of liblzma (lzma_alone_decoder), and the first byte of its coder, 0. */
function isLzmaAlone(head: Buffer): boolean {
  if (head.length < 18 || head[0]! >= 225 || head[13] !== 0) return false
  const dictionary = head.readUInt32LE(1)
  const isPower = (value: number) => value >= 4096 && Number.isInteger(Math.log2(value))
  if (dictionary !== 0xffffffff && !isPower(dictionary) && !isPower(dictionary / 1.5)) return false
  const sizeBytes = head.readBigUInt64LE(5)
  return sizeBytes === 0xffffffffffffffffn || (sizeBytes > 0n && sizeBytes < 1n << 38n)
}

/** Whether a block is a tar header (POSIX.1, ustar; older ones have no magic number), by its checksum. */
export function isTar(block: Uint8Array): boolean {
  const header = Buffer.from(block.buffer, block.byteOffset, Math.min(block.length, 512))
  if (header.length < 512 || header[0] === 0) return false
  const sum = Number.parseInt(
    header
      .toString('latin1', 148, 156)
      .replace(/[\0 ]+/g, ' ')
      .trim(),
    8,
  )
  // The checksum is computed as if its own field held spaces.
  const found = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  return sum === found
}
