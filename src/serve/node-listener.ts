import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { type Exchange, leftEarly, type Respond, tooLarge } from './exchange.js'
import { Fault } from './fault.js'

/** Answers a Web-standard request. */
export type WebHandler = (request: Request) => Promise<Response>

/** A listener for `node:http`, Express, Connect and Fastify. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void

const responders = new WeakMap<WebHandler, Respond>()

/** Lets `toNodeListener` give requests to a handler without building a `Request`. */
export function answerDirectly<H extends WebHandler>(handler: H, respond: Respond): H {
  responders.set(handler, respond)
  return handler
}

/** How a handler of this library answers without a `Request`. */
export const respondOf = (handler: WebHandler): Respond => responders.get(handler)!

/** Runs a Web-standard handler on Node's own requests. */
export function toNodeListener(handler: WebHandler): NodeListener {
  const respond = responders.get(handler)
  return (incoming, outgoing) => {
    const closing = new AbortController()
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) closing.abort(new Error('the client closed the connection'))
    })
    // Without a listener, an error of a closed connection would end the process.
    incoming.on('error', () => {})
    outgoing.on('error', () => {})
    const { signal } = closing
    void (respond === undefined ? byRequest(handler, incoming, signal) : directly(respond, incoming, signal))
      .catch(() => invalid())
      .then((reply) => write(reply, incoming, outgoing))
      // Such as a host that has already sent the headers. An unhandled rejection would end the process.
      .catch(() => outgoing.destroy())
  }
}

async function write(
  { status, headers, body }: NodeReply,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const isText = typeof body === 'string'
  if (!outgoing.destroyed)
    outgoing.writeHead(status, {
      ...headers,
      ...(isText && { 'content-length': Buffer.byteLength(body) }),
      // The rest of the body would have to be read before the next request.
      ...(!incoming.complete && { connection: 'close' }),
    })
  if (isText) outgoing.end(body)
  // Waits for a client that reads slowly, and ends the body if the client leaves.
  else await pipeline(body, outgoing)
}

interface NodeReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: string | AsyncIterable<string | Uint8Array>
}

async function directly(respond: Respond, incoming: IncomingMessage, signal: AbortSignal): Promise<NodeReply> {
  const { method = 'GET', url = '' } = incoming
  if (!url.startsWith('/')) return invalid()
  const exchange: Exchange = {
    ...{ method, signal, path: url.split('?', 1)[0]! },
    header(name) {
      const value = incoming.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    read: (maximumBytes, until) => readIncoming(incoming, maximumBytes, until),
  }
  return respond(exchange)
}

function readIncoming(incoming: IncomingMessage, maximumBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  if (incoming.readableEnded) return Promise.resolve(new Uint8Array())
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = []
    let size = 0
    const end = (settle: () => void) => {
      incoming.off('data', onData).off('end', onEnd).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const stop = (error: unknown) =>
      end(() => {
        incoming.pause()
        reject(error)
      })
    const onData = (piece: Uint8Array) => {
      size += piece.byteLength
      if (size > maximumBytes) stop(tooLarge(maximumBytes))
      else pieces.push(piece)
    }
    const onEnd = () => end(() => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)))
    const onClose = () => stop(leftEarly())
    const onAbort = () => stop(signal.reason)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) return onAbort()
    incoming.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

async function byRequest(handler: WebHandler, incoming: IncomingMessage, signal: AbortSignal): Promise<NodeReply> {
  const { method = 'GET', url = '' } = incoming
  if (!url.startsWith('/')) return invalid()
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  // The client's Host decides nothing, and a path that begins with // must not become one.
  const request = new Request(`http://localhost${url}`, {
    ...{ method, headers, signal },
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' as const }),
  })
  const response = await handler(request)
  const cookies = response.headers.getSetCookie()
  return {
    status: response.status,
    // The only header that cannot be joined with commas.
    headers: { ...Object.fromEntries(response.headers), ...(cookies.length > 0 && { 'set-cookie': cookies }) },
    body: response.body === null ? '' : (response.body as NodeReadableStream<Uint8Array>),
  }
}

/** The answer to a request that no handler can be given, such as TRACE or a path that does not begin with a slash. */
function invalid(): NodeReply {
  const { status, code, message } = new Fault(
    'invalid-request',
    'Cannot read the request: its line or a header is invalid.',
  )
  const body = JSON.stringify({ error: { code, message } })
  return { status, headers: { 'content-type': 'application/json', connection: 'close' }, body }
}
