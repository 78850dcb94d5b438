import { pipeline, Readable, type Transform } from 'node:stream'
import type { CallContext } from '../core/index.js'

/** Bytes through one of zlib's streams, as far as they can be unpacked: damaged data ends without an error. */
export async function* decompressed(
  packed: AsyncIterable<Uint8Array>,
  stream: Transform,
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  // Failures come out of the last stream below; the callback is there so that none of them is an unhandled event.
  pipeline(Readable.from(copies(packed)), stream, () => {})
  try {
    for await (const piece of stream) yield piece as Uint8Array
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
