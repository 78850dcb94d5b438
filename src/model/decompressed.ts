import { pipeline, Readable, type Transform } from 'node:stream'
import type { CallContext } from '../core/index.js'

/** A stream that unpacks to more is a decompression bomb, or too large to examine. */
const maximumUnpackedBytes = 8 * 2 ** 30

export class UnpackedTooLarge extends Error {
  constructor() {
    super(`unpacks to more than ${maximumUnpackedBytes / 2 ** 30} GiB, which is not examined; store it uncompressed`)
  }
}

/**
 * Bytes through one of zlib's streams, as far as they can be unpacked: damaged data ends without an error.
 *
 * @throws `UnpackedTooLarge`.
 */
export async function* decompressed(
  packed: AsyncIterable<Uint8Array>,
  stream: Transform,
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  let unpackedBytes = 0
  // Failures come out of the last stream below; the callback is there so that none of them is an unhandled event.
  pipeline(Readable.from(copies(packed)), stream, () => {})
  try {
    for await (const piece of stream) {
      unpackedBytes += (piece as Uint8Array).length
      if (unpackedBytes > maximumUnpackedBytes) throw new UnpackedTooLarge()
      yield piece as Uint8Array
    }
  } catch (error) {
    context.signal.throwIfAborted()
    const code = (error as NodeJS.ErrnoException | null)?.code
    if (!code?.startsWith('Z_')) throw error
  }
}

// A stream holds several pieces, and the reader uses one piece's memory for all.
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece)
}
