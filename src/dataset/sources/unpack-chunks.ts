import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../../core/index.js'
import { isGzip } from './decode-text.js'
import { type Limits, UnpackMeter } from './limits.js'
import { Unreadable } from './unreadable.js'
import { eachFrame, fzstdUnpacker, isZstd, zstdOfNode } from './zstd.js'

type Chunks = AsyncIterable<Uint8Array>

const pieceBytes = 128 * 1024
/** fzstd unpacks all that it is given, up to 30,000 times as much. */
const fzstdPieceBytes = 4096

/** Unpacks gzip and zstd, by their signatures. Other bytes stay as they are. Throws `Unreadable`. */
export async function* unpackChunks(chunks: Chunks, limits: Limits): Chunks {
  const counter: Counter = { packed: 0 }
  const source = counted(chunks, counter)
  const first = await source.next()
  if (first.done === true) return
  const whole = prefixed(first.value, source)
  const isPackedWithZstd = isZstd(first.value)
  if (!isGzip(first.value) && !isPackedWithZstd) {
    yield* whole
    return
  }
  const meter = new UnpackMeter(limits)
  const check = (bytes: Uint8Array) => {
    const problem = meter.add(bytes.length, counter.packed)
    if (problem !== undefined) throw new Unreadable(problem)
  }
  try {
    if (isPackedWithZstd && zstdOfNode().createZstdDecompress === undefined) yield* unzstd(whole, check)
    else
      for await (const bytes of through(whole, isPackedWithZstd)) {
        check(bytes)
        yield bytes
      }
  } catch (error) {
    if (error instanceof Unreadable) throw error
    if (counter.failure !== undefined) throw counter.failure
    throw new Unreadable(`${isPackedWithZstd ? 'zstd' : 'gzip'}: ${messageOf(error)}`)
  } finally {
    // Nobody may have started to read the rest.
    await source.return(undefined)
  }
}

function through(chunks: Chunks, isPackedWithZstd: boolean): Chunks {
  const unpacking = isPackedWithZstd ? zstdOfNode().createZstdDecompress!() : createGunzip({ chunkSize: pieceBytes })
  // Errors arrive where the data is read.
  pipeline(Readable.from(isPackedWithZstd ? eachFrame(chunks) : chunks), unpacking, () => {})
  return unpacking as unknown as Chunks
}

async function* unzstd(chunks: Chunks, check: (bytes: Uint8Array) => void): Chunks {
  let unpacked: Uint8Array[] = []
  const unpacker = await fzstdUnpacker((bytes) => {
    check(bytes)
    // fzstd reuses its memory.
    unpacked.push(Buffer.from(bytes))
  })
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += fzstdPieceBytes) {
      unpacker.push(chunk.subarray(at, at + fzstdPieceBytes), false)
      yield* unpacked
      unpacked = []
    }
  unpacker.push(new Uint8Array(), true)
  yield* unpacked
}

interface Counter {
  packed: number
  /** The error of the source, which has nothing to do with unpacking. */
  failure?: unknown
}

async function* counted(chunks: Chunks, counter: Counter): AsyncGenerator<Uint8Array, undefined> {
  try {
    for await (const chunk of chunks) {
      counter.packed += chunk.length
      yield chunk
    }
  } catch (error) {
    counter.failure = error
    throw error
  }
}

async function* prefixed(first: Uint8Array, rest: AsyncIterator<Uint8Array>): Chunks {
  try {
    yield first
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}
