import { Fault } from './fault.js'

/** A request as the handler sees it: from a Web-standard `Request` or directly from `node:http`, which saves building one. */
export interface Exchange {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** @param name in lower case. */
  readonly header: (name: string) => string | undefined
  /** Reads the body. @throws `Fault` if it is too large or the client leaves; the signal's reason. */
  readonly read: (maximumBytes: number, signal: AbortSignal) => Promise<Uint8Array>
  /** Aborted if the client leaves. */
  readonly signal: AbortSignal
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Text, or parts of text that are read as fast as the client takes them. */
  readonly body: string | AsyncIterable<string>
}

export type Respond = (exchange: Exchange) => Promise<Reply>

export function exchangeOf(request: Request): Exchange {
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    header: (name) => request.headers.get(name) ?? undefined,
    read: async (maximumBytes, signal) =>
      request.body === null ? new Uint8Array() : readBody(request.body, maximumBytes, signal),
    signal: request.signal,
  }
}

async function readBody(
  body: ReadableStream<Uint8Array>,
  maximumBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) return Buffer.concat(pieces)
      size += value.byteLength
      if (size > maximumBytes) throw tooLarge(maximumBytes)
      pieces.push(value)
    }
  } catch (error) {
    cancel()
    if (error instanceof Fault || signal.aborted) throw error
    throw leftEarly()
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

export function responseOf({ body, ...init }: Reply): Response {
  return new Response(typeof body === 'string' ? body : streamOf(body), init)
}

/** A stream that takes a part only when it is read. */
function streamOf(parts: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const iterator = parts[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done === true) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

export const tooLarge = (maximumBytes: number) =>
  new Fault('body-too-large', `Cannot read the body: it has more than ${maximumBytes} bytes. Send fewer inputs.`)

export const leftEarly = () =>
  new Fault('client-closed', 'Cannot read the body: the connection ended before it was complete.')
