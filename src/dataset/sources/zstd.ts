// Node reads zstd since 22.15 and 23.8; fzstd is slower, and is used in older versions.
import * as zlib from 'node:zlib'

/** The part of zlib that its types in older versions lack. */
interface ZstdOfNode {
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Buffer
  readonly createZstdDecompress?: () => NodeJS.ReadWriteStream & { destroy(): void }
}

export const zstdOfNode = (): ZstdOfNode => zlib as ZstdOfNode

/** As in the reference implementation (ZSTD_WINDOWLOG_LIMIT_DEFAULT is 27). */
const maximumWindowBytes = 2 ** 27

/** Whether bytes begin with the signature of a frame (RFC 8878, section 3.1), also of a skippable one, with which pzstd begins. */
export const isZstd = (start: Uint8Array): boolean => isFrame(start) || isSkippable(start)

const isFrame = (start: ArrayLike<number>) =>
  start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd
const isSkippable = (start: ArrayLike<number>) =>
  start[0]! >> 4 === 5 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18

/**
 * Unpacks zstd piece by piece with fzstd. `onData` may throw to stop. `push` with `isLast` throws for data that is cut
 * off.
 */
export async function fzstdUnpacker(
  onData: (bytes: Uint8Array) => void,
): Promise<{ push(bytes: Uint8Array, isLast: boolean): void }> {
  const { Decompress } = await import('fzstd')
  const stream = new Decompress((bytes) => onData(bytes))
  const frames = new ZstdFrames()
  return {
    push(bytes, isLast) {
      frames.follow(bytes)
      stream.push(bytes, isLast)
      if (isLast) frames.finish()
    },
  }
}

/**
 * Cuts zstd where a frame ends, and throws for data that is cut off. Node's decoder stops after the first frame of a write and drops
 * the rest of it without an error (nodejs/node#64741, seen with 22.23 and 24.21), and that of 22.23 accepts a frame that is cut off.
 */
export async function* eachFrame(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  const frames = new ZstdFrames()
  for await (const chunk of chunks) {
    let from = 0
    for (const end of [...frames.follow(chunk), chunk.length]) {
      if (end > from) yield chunk.subarray(from, end)
      from = end
    }
  }
  frames.finish()
}

/**
 * Follows the structure of zstd frames (RFC 8878, section 3.1), since fzstd allocates any window that a frame asks for.
 */
class ZstdFrames {
  #header: number[] = []
  #skip = 0
  #state: 'frame' | 'block' = 'frame'
  #checksumBytes = 0

  /** @throws if a frame has not ended. */
  finish(): void {
    if (!this.#isBetweenFrames) throw new Error('the data ends too early')
  }

  get #isBetweenFrames(): boolean {
    return this.#state === 'frame' && this.#skip === 0 && this.#header.length === 0
  }

  /** @returns where frames end in these bytes. */
  follow(bytes: Uint8Array): readonly number[] {
    const ends: number[] = []
    for (let at = 0; at < bytes.length; ) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at)
        this.#skip -= step
        at += step
      } else {
        this.#header.push(bytes[at]!)
        at += 1
        this.#parse()
      }
      if (this.#isBetweenFrames) ends.push(at)
    }
    return ends
  }

  #parse(): void {
    const header = this.#header
    const uint = (from: number, size: number) =>
      header.slice(from, from + size).reduce((sum, byte, index) => sum + byte * 2 ** (8 * index), 0)
    if (this.#state === 'block') {
      if (header.length < 3) return
      const block = uint(0, 3)
      const size = Math.floor(block / 8)
      const isRun = ((block >> 1) & 3) === 1
      const isLast = (block & 1) === 1
      this.#skip = (isRun ? 1 : size) + (isLast ? this.#checksumBytes : 0)
      this.#header = []
      if (isLast) this.#state = 'frame'
      return
    }
    if (header.length < 5) return
    if (isSkippable(header)) {
      if (header.length < 8) return
      this.#skip = uint(4, 4)
      this.#header = []
      return
    }
    if (!isFrame(header)) throw new Error('it is not zstd data')
    const flags = header[4]!
    const isSingle = (flags & 0x20) !== 0
    const dictionaryBytes = [0, 1, 2, 4][flags & 3]!
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6]!
    const from = (isSingle ? 5 : 6) + dictionaryBytes
    if (header.length < from + sizeBytes) return
    const windowBytes = isSingle
      ? uint(from, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
      : 2 ** (10 + (header[5]! >> 3)) * (1 + (header[5]! & 7) / 8)
    if (windowBytes > maximumWindowBytes)
      throw new Error(`it needs a window of ${windowBytes} bytes, but the maximum is ${maximumWindowBytes}`)
    this.#checksumBytes = (flags & 4) === 0 ? 0 : 4
    this.#state = 'block'
    this.#header = []
  }
}
