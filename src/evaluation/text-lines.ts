import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type CallContext, messageOf, SheikhError } from '../core/index.js'
import { encodingOf, isGzip, withoutMarks } from '../dataset/index.js'

/** Maximum length of a line in UTF-16 code units. A longer line is not evaluation output. */
const maximumLineLength = 10_000_000

/**
 * Reads the lines of a file or pipe as they arrive. Unpacks gzip.
 *
 * @throws `not-found`; `evaluation-invalid` with file and line if the content is not text.
 */
export async function* textLines(path: string, { signal }: CallContext): AsyncGenerator<string> {
  let rest = ''
  let number = 1
  const file = createReadStream(path, { highWaterMark: 1 << 20, signal })
  try {
    const bytes = await unpacked(file)
    const start = await firstBytes(bytes)
    const encoding = encodingOf(start)
    if (encoding === undefined) throw invalidLine(path, 1, 'it is UTF-32 text', 'Write UTF-8 text')
    const decoder = new TextDecoder(encoding, { fatal: true })
    const add = (more: string) => {
      const pieces = (rest + more).split('\n')
      rest = pieces.pop()!
      if (rest.length > maximumLineLength)
        throw invalidLine(path, number + pieces.length, 'it is too long for one item', 'Write one JSON object per line')
      number += pieces.length
      return pieces.map(withoutMarks)
    }
    yield* add(decoder.decode(start, { stream: true }))
    for await (const chunk of bytes) {
      signal.throwIfAborted()
      yield* add(decoder.decode(chunk, { stream: true }))
    }
    yield withoutMarks(rest + decoder.decode())
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
  return gunzip[Symbol.asyncIterator]() as Bytes
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
