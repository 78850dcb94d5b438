import { messageOf } from '../../core/index.js'
import { pointerProblem } from '../../store/index.js'
import { encodingOf } from './decode-text.js'
import { Unreadable } from './unreadable.js'

/** Character encodings that a file can be declared to have. The first two need no declaration. */
export type Charset = 'utf-8' | 'utf-16' | 'latin1' | 'windows-1252'

type Chunks = AsyncIterable<Uint8Array>

const pointerStart = 'version https://git-lfs.github.com/spec/'
const bytesToSniff = 64

/**
 * Converts a text to UTF-8 without a byte order mark at its start.
 *
 * @param charset the declared encoding. @default UTF-8, or UTF-16 after a byte order mark
 */
export async function* utf8Chunks(chunks: Chunks, charset?: Charset): Chunks {
  const rest = withStart(chunks)
  try {
    const { value: start } = await rest.next()
    if (start === undefined) return
    const marked = encodingOf(start)
    if (marked === undefined) throw new Unreadable('it is UTF-32 text; save it as UTF-8')
    if (marked === 'utf-8' && (charset === undefined || charset === 'utf-8')) {
      const bytes = withoutMark(start)
      // ASCII in UTF-16 without a mark is valid UTF-8 in which every other character is NUL.
      if (bytes[0] === 0 || bytes[1] === 0)
        throw new Unreadable('it looks like UTF-16 without a byte order mark; save it as UTF-8')
      if (Buffer.from(bytes.subarray(0, pointerStart.length)).toString('latin1') === pointerStart)
        throw new Unreadable(pointerProblem)
      yield bytes
      yield* rest
      return
    }
    if (marked === 'utf-8' && charset === 'utf-16')
      throw new Unreadable('it is declared to be UTF-16, but has no byte order mark; save it as UTF-8')
    const label = marked === 'utf-8' ? 'windows-1252' : marked
    const decoder = new TextDecoder(label, { fatal: true })
    const decode = (bytes?: Uint8Array) => {
      if (charset === 'latin1' && marked === 'utf-8')
        return bytes === undefined ? '' : Buffer.from(bytes).toString('latin1')
      try {
        return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
      } catch (error) {
        throw new Unreadable(`it is not ${label} text (${messageOf(error)}); save it as UTF-8`)
      }
    }
    yield Buffer.from(decode(start))
    for await (const chunk of rest) yield Buffer.from(decode(chunk))
    yield Buffer.from(decode())
  } finally {
    // An error above leaves the file open.
    await rest.return(undefined)
  }
}

/** The same bytes with a first chunk that is long enough to recognize an encoding. */
async function* withStart(chunks: Chunks): AsyncGenerator<Uint8Array, undefined> {
  let start: Uint8Array | undefined = new Uint8Array()
  for await (const chunk of chunks) {
    if (start === undefined) yield chunk
    else {
      start = start.length === 0 ? chunk : Buffer.concat([start, chunk])
      if (start.length < bytesToSniff) continue
      yield start
      start = undefined
    }
  }
  if (start !== undefined && start.length > 0) yield start
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

/** Where a reader is in a text. */
export interface LineCounter {
  /** The next line, from 1. */
  line: number
}

/**
 * Groups a text into blocks of complete lines. The reader advances `counter` before it asks for the next block.
 *
 * Throws `Unreadable` for a line of more than `maximumBytes`.
 */
export async function* lineBlocks(chunks: Chunks, counter: LineCounter, maximumBytes: number): AsyncIterable<Buffer> {
  let carry: Uint8Array[] = []
  let carried = 0
  const checkSize = (bytes: number) => {
    if (bytes > maximumBytes) throw tooLong(maximumBytes, counter.line)
  }
  for await (const bytes of chunks) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const end = chunk.lastIndexOf(0x0a) + 1
    if (end === 0) {
      carry.push(chunk)
      carried += chunk.length
      checkSize(carried)
      continue
    }
    if (carried > 0) checkSize(carried + chunk.indexOf(0x0a))
    yield carried === 0 ? chunk.subarray(0, end) : Buffer.concat([...carry, chunk.subarray(0, end)])
    carry = end === chunk.length ? [] : [chunk.subarray(end)]
    carried = chunk.length - end
  }
  if (carried > 0) yield Buffer.concat(carry)
}

export const tooLong = (maximumBytes: number, line: number) =>
  new Unreadable(
    `it has more than ${maximumBytes} bytes in one sample; split it, or raise maximumSampleBytes`,
    `line ${line}`,
  )

export const notUtf8 = (position: string) => new Unreadable('it is not UTF-8 text; save it as UTF-8', position)
