import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { messageOf } from '../../../core/index.js'
import { fzstdUnpacker, zstdOfNode } from '../zstd.js'
import { damaged, Unreadable } from './damaged.js'
import { unpackLz4, unpackLz4Block } from './lz4.js'

/**
 * Unpacks a page to exactly `size` bytes, in a buffer of its own: hyparquet reads values from the whole buffer, so no
 * other data may be in it.
 */
export async function unpackPage(bytes: Uint8Array, size: number, codec: string): Promise<Uint8Array> {
  let page: Uint8Array
  try {
    page = await unpack(bytes, size, codec)
  } catch (error) {
    if (error instanceof Unreadable) throw error
    throw damaged(`a page is not ${codec} data of ${size} bytes (${messageOf(error)})`)
  }
  if (page.length !== size) throw damaged(`a page has ${page.length} bytes, but its header says ${size}`)
  return page.byteOffset === 0 && page.buffer.byteLength === page.byteLength ? page : Uint8Array.from(page)
}

async function unpack(bytes: Uint8Array, size: number, codec: string): Promise<Uint8Array> {
  // zlib refuses an output length of 0.
  const options = { maxOutputLength: Math.max(1, size) }
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes
    case 'GZIP':
      return gunzipSync(bytes, options)
    case 'BROTLI':
      return brotliDecompressSync(bytes, options)
    case 'ZSTD':
      return zstdOfNode().zstdDecompressSync?.(bytes, options) ?? unpackZstd(bytes, size)
    case 'SNAPPY':
      return unpackSnappy(bytes, size)
    case 'LZ4_RAW':
      return unpackLz4Block(bytes, size)
    case 'LZ4':
      return unpackLz4(bytes, size)
    default:
      throw new Unreadable(
        `it is compressed with ${codec}, which is not supported; write it with zstd, snappy, gzip, brotli or lz4`,
      )
  }
}

async function unpackZstd(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const output = new Uint8Array(size)
  let at = 0
  const unpacker = await fzstdUnpacker((piece) => {
    if (at + piece.length > size) throw damaged('a page unpacks to more bytes than its header says')
    output.set(piece, at)
    at += piece.length
  })
  unpacker.push(bytes, true)
  return output.subarray(0, at)
}

async function unpackSnappy(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const { compressors } = await import('hyparquet-compressors')
  return compressors.SNAPPY!(bytes, size)
}
