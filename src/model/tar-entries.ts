import { isTar } from './content-kind.js'

export interface TarEntry {
  readonly name: string
  /** Content of the entry. Valid until the next entry is requested; unread bytes are skipped. */
  readonly content: AsyncIterable<Uint8Array>
}

const blockBytes = 512

/**
 * The entries of a tar archive (POSIX.1 ustar, GNU and pax), read once from its start. Returns entries of every type,
 * because the data of any entry must not be a pickle.
 *
 * @returns 'unreadable' instead of an entry if a header is damaged or the archive ends inside one.
 */
export async function* tarEntries(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry | 'unreadable'> {
  const reader = byteReader(pieces)
  for (;;) {
    const header = await reader.exactly(blockBytes)
    // Tar ends with blocks of zeros; readers also accept an archive that just ends.
    if (header.length === 0 || header.every((byte) => byte === 0)) return
    if (!isTar(header)) return yield 'unreadable'
    const sizeBytes = sizeOf(header)
    if (!Number.isSafeInteger(sizeBytes)) return yield 'unreadable'
    const content = reader.upTo(sizeBytes)
    yield { name: header.toString('utf8', 0, 100).replace(/\0.*$/s, ''), content }
    for await (const _ of content);
    await reader.exactly((blockBytes - (sizeBytes % blockBytes)) % blockBytes)
  }
}

// Octal digits, or GNU's base-256 number with the first bit set.
function sizeOf(header: Buffer): number {
  if ((header[124]! & 0x80) !== 0) return Number(header.readBigUInt64BE(128))
  const digits = header.toString('latin1', 124, 136).replace(/[\0 ]/g, '')
  return digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
}

function byteReader(pieces: AsyncIterable<Uint8Array>) {
  const iterator = pieces[Symbol.asyncIterator]()
  let rest = new Uint8Array()
  const some = async (maximum: number): Promise<Uint8Array> => {
    while (rest.length === 0) {
      const { done, value } = await iterator.next()
      if (done) return new Uint8Array()
      rest = value as Uint8Array<ArrayBuffer>
    }
    const taken = rest.subarray(0, maximum)
    rest = rest.subarray(taken.length)
    return taken
  }
  return {
    /** Reads this many bytes, or all that are left. */
    async exactly(count: number): Promise<Buffer> {
      const parts: Buffer[] = []
      for (let left = count; left > 0; ) {
        const piece = await some(left)
        if (piece.length === 0) break
        // Copied because the source reuses the memory of a piece.
        parts.push(Buffer.from(piece))
        left -= piece.length
      }
      return Buffer.concat(parts)
    },
    upTo(count: number): AsyncIterable<Uint8Array> {
      let left = count
      const next = async (): Promise<IteratorResult<Uint8Array>> => {
        const piece = left === 0 ? new Uint8Array() : await some(left)
        left = piece.length === 0 ? 0 : left - piece.length
        return piece.length === 0 ? { done: true, value: undefined } : { done: false, value: piece }
      }
      // Without `return`, so that a reader who stops early leaves the position where it is.
      return { [Symbol.asyncIterator]: () => ({ next }) }
    },
  }
}
