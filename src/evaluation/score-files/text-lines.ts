import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type CallContext, messageOf, SheikhError } from '../../core/index.js'
import { encodingOf, isGzip, withoutMarks } from '../../dataset/index.js'

/** Maximum length of a line in UTF-16 code units. A longer line is not one item. */
const maximumLineLength = 10_000_000
/** The first line may be a whole JSON document, as Vitest writes it. In UTF-16 code units, below the longest string of V8. */
export const maximumDocumentLength = 256 * 1024 * 1024
/** Far above a million items, but a gzip bomb of any length ends here. */
const maximumUnpackedBytes = 4 * 1024 ** 3

/**
 * Reads the lines of a file or pipe as they arrive. Unpacks gzip, up to 4 GiB.
 *
 * @throws `not-found`; `evaluation-invalid` with file and line if the content is not text.
 */
export async function* textLines(path: string, { signal }: CallContext): AsyncGenerator<string> {
  let rest: string[] = []
  let restLength = 0
  let number = 1
  let isFirst = true
  const file = createReadStream(path, { highWaterMark: 1 << 20, signal })
  try {
    const bytes = await unpacked(file)
    const start = await firstBytes(bytes)
    const encoding = encodingOf(start)
    if (encoding === undefined) throw invalidLine(path, 1, 'it is UTF-32 text', 'Write UTF-8 text')
    const decoder = new TextDecoder(encoding, { fatal: true })
    const add = (more: string) => {
      const pieces = more.split('\n')
      const last = pieces.pop()!
      if (pieces.length > 0) {
        // Joined once per line: a document of one line arrives in hundreds of pieces.
        pieces[0] = rest.join('') + pieces[0]
        isFirst &&= pieces.every((piece) => piece.trim() === '')
        rest = []
        restLength = 0
      }
      rest.push(last)
      restLength += last.length
      if (restLength > (isFirst ? maximumDocumentLength : maximumLineLength))
        throw invalidLine(path, number + pieces.length, 'it is too long for one item', 'Write one JSON object per line')
      number += pieces.length
      return pieces.map(withoutMarks)
    }
    yield* add(decoder.decode(start, { stream: true }))
    for await (const chunk of bytes) {
      signal.throwIfAborted()
      yield* add(decoder.decode(chunk, { stream: true }))
    }
    yield withoutMarks(rest.join('') + decoder.decode())
  } catch (error) {
    if (error instanceof SheikhError || signal.aborted) throw signal.aborted ? signal.reason : error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new SheikhError(
        'not-found',
        `Cannot read "${path}": the file does not exist. Give a file with one item per line.`,
        {
          facts: { path },
          cause: error,
        },
      )
    if ((error as NodeJS.ErrnoException).code === 'EISDIR')
      throw new SheikhError(
        'evaluation-invalid',
        `Cannot read "${path}": it is a folder. Give a file in this folder.`,
        {
          facts: { path },
          cause: error,
        },
      )
    throw invalidLine(path, number, `it cannot be read (${messageOf(error)})`, 'Write UTF-8 text', error)
  } finally {
    file.destroy()
  }
}

type Bytes = AsyncIterator<Buffer, undefined> & AsyncIterable<Buffer>

/** The bytes of a stream, unpacked if they are gzip. */
async function unpacked(stream: Readable): Promise<Bytes> {
  const bytes = stream[Symbol.asyncIterator]() as Bytes
  const start = await firstBytes(bytes)
  const whole = (async function* () {
    if (start.length > 0) yield start
    yield* bytes
  })()
  if (!isGzip(start)) return whole as Bytes
  // An error of either stream reaches the reader of the last one.
  const gunzip = pipeline(Readable.from(whole), createGunzip(), () => {})
  return limited(gunzip[Symbol.asyncIterator]() as Bytes) as Bytes
}

async function* limited(bytes: Bytes): AsyncGenerator<Buffer, undefined> {
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > maximumUnpackedBytes) throw new Error(`it unpacks to more than ${maximumUnpackedBytes} bytes`)
    yield chunk
  }
  return undefined
}

/** At least four bytes, if available: a pipe may deliver one at a time. */
async function firstBytes(bytes: Bytes): Promise<Buffer> {
  const chunks: Buffer[] = []
  while (chunks.reduce((sum, { length }) => sum + length, 0) < 4) {
    const next = await bytes.next()
    if (next.done) break
    chunks.push(next.value)
  }
  return Buffer.concat(chunks)
}

export const invalidLine = (path: string, line: number, fact: string, remedy: string, cause?: unknown) =>
  new SheikhError('evaluation-invalid', `Cannot use "${path}", line ${line}: ${fact}. ${remedy}.`, {
    facts: { path, line },
    ...(cause !== undefined && { cause }),
  })
