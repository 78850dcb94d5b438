import { pipeline, Readable, type Transform } from 'node:stream'
import type { CallContext } from '../core/index.js'

/** Limit for unpacked data. A larger stream is a decompression bomb, or too large to examine. */
const maximumUnpackedBytes = 8 * 2 ** 30

export class UnpackedTooLarge extends Error {
  constructor() {
    super(
      `unpacks to more than ${maximumUnpackedBytes / 2 ** 30} GiB, which is too large to examine; store it uncompressed`,
    )
  }
}

/**
 * Unpacks bytes with one of zlib's streams, as far as possible. Damaged data ends the output without an error.
 *
 * @throws `UnpackedTooLarge`.
 */
export async function* decompressed(
  packed: AsyncIterable<Uint8Array>,
  stream: Transform,
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  let unpackedBytes = 0
  // Errors come out of the last stream below. The callback prevents unhandled events.
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

// A stream buffers several pieces, but the reader reuses one buffer for all.
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece)
}
