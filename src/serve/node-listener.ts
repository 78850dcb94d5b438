import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { Fault } from './fault.js'

/** Answers a Web-standard request. */
export type WebHandler = (request: Request) => Promise<Response>

/** A listener for `node:http`, Express, Connect and Fastify. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void

/** Runs a Web-standard handler on Node's own requests. */
export function toNodeListener(handler: WebHandler): NodeListener {
  return (incoming, outgoing) => {
    void answer(handler, incoming, outgoing)
  }
}

async function answer(handler: WebHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const closing = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) closing.abort(new Error('the client closed the connection'))
  })
  // Without a listener, an error of a closed connection would end the process.
  incoming.on('error', () => {})
  outgoing.on('error', () => {})
  let request: Request
  try {
    request = toRequest(incoming, closing.signal)
  } catch {
    const { status, code, message } = new Fault(
      'invalid-request',
      'Cannot read the request: its line or a header is invalid.',
    )
    const body = JSON.stringify({ error: { code, message } })
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    }
    outgoing.writeHead(status, headers).end(body)
    return
  }
  const response = await handler(request)
  const body = Buffer.from(await response.arrayBuffer())
  if (outgoing.destroyed) return
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'content-length': body.byteLength,
    // The rest of the body would have to be read before the next request.
    ...(!incoming.complete && { connection: 'close' }),
  })
  outgoing.end(body)
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = 'GET', url = '' } = incoming
  if (!url.startsWith('/')) throw new TypeError('not an absolute path')
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  // The client's Host decides nothing, and a path that begins with // must not become one.
  return new Request(`http://localhost${url}`, {
    method,
    headers,
    signal,
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' as const }),
  })
}
