import { createServer, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type CallContext, callContext, messageOf, SheikhError } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import { createHandler, type PredictionHandler } from './handler.js'
import { toNodeListener } from './node-listener.js'
import { type HandlerOptions, limitsOf } from './options.js'

export interface ListenOptions {
  /** The address to listen on. `0.0.0.0` and `::` are reachable from other machines. @default '127.0.0.1' */
  readonly host?: string | undefined
  /** The port. 0: a free one. @default 8080 */
  readonly port?: number | undefined
}

export type ServeOptions<I = string> = HandlerOptions<I> & ListenOptions

/** A server that runs. Disposing it is the same as `close()`. */
export interface PredictionServer extends AsyncDisposable {
  /** The address with its port, such as `http://127.0.0.1:8080`. */
  readonly url: string
  readonly port: number
  readonly release: Release
  /**
   * Accepts no more connections, answers the requests in progress and frees the model.
   *
   * @param drainMs how long requests may take to end; later they are answered with 503, and a model that
   *   ignores its abort is freed 1 s after them. @default 30000
   */
  close(drainMs?: number): Promise<void>
}

/**
 * Serves a release over HTTP with `node:http`. It resolves when the server accepts requests.
 *
 * @throws as `createHandler`; `invalid-options` if the address cannot be used.
 */
export async function serve<I = string>(
  options: ServeOptions<I>,
  parts: Partial<CallContext> = {},
): Promise<PredictionServer> {
  const { host = '127.0.0.1', port = 8080 } = options
  const { timeoutMs } = limitsOf(options)
  const handler = await createHandler(options, callContext(parts))
  const server = createServer(
    {
      // The handler answers a slow body with 408. This also ends the connection of a client that continues to send.
      requestTimeout: timeoutMs + 1000,
      headersTimeout: Math.min(timeoutMs, 10_000),
      connectionsCheckingInterval: Math.min(timeoutMs, 1000),
    },
    toNodeListener(handler),
  )
  // Ends the connection of a client that does not read its answer. No request is silent for longer.
  server.setTimeout(timeoutMs + 1000)
  server.on('clientError', refuse)
  try {
    await listen(server, host, port)
  } catch (error) {
    await handler.close()
    throw new SheikhError(
      'invalid-options',
      `Cannot listen on ${host}, port ${port} (${messageOf(error)}). Choose another address or port.`,
      { cause: error },
    )
  }
  const { port: bound, family, address } = server.address() as AddressInfo
  const close = (drainMs?: number) => closeServer(server, handler, drainMs)
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    port: bound,
    get release() {
      return handler.release
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function closeServer(server: Server, handler: PredictionHandler, drainMs?: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  await handler.close(drainMs)
  // Answers that are written now close their connections. What remains belongs to clients that send nothing.
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 1000)
  await closed
  clearTimeout(timer)
}

const parserStatuses: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/** Answers what Node cannot parse as HTTP. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = parserStatuses[error.code ?? ''] ?? 400
  const message =
    status === 408
      ? 'Cannot read the request: it is incomplete after the maximum time.'
      : 'Cannot read the request: it is not valid HTTP, or its headers are too large.'
  const body = JSON.stringify({ error: { code: status === 408 ? 'request-timeout' : 'invalid-request', message } })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
