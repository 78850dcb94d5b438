import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf, SheikhError } from '../core/index.js'
import { toNodeListener } from '../serve/index.js'
import type { GuardOptions } from './guard.js'
import { dashboardHandler } from './handler.js'
import type { DashboardSource } from './source.js'

export interface ServeDashboardOptions extends GuardOptions {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
}

/** A dashboard that is being served. Disposing it is the same as `close()`. */
export interface DashboardServer extends AsyncDisposable {
  /** The address with its port, such as `http://127.0.0.1:8081`. */
  readonly url: string
  /** Closes all connections. Nothing is lost: no request changes anything. */
  close(): Promise<void>
}

const requestMs = 10_000

/** Serves the dashboard. It resolves when the server accepts requests. @throws `invalid-options` if the address cannot be used. */
export async function serveDashboard(
  source: DashboardSource,
  { host, port, onLink, ...options }: ServeDashboardOptions,
): Promise<DashboardServer> {
  // The first link is made before the port is known.
  const links: string[] = []
  let url: string | undefined
  const give = (path: string) => (url === undefined ? links.push(path) : onLink?.(`${url}${path}`))
  const listener = toNodeListener(dashboardHandler(source, { ...options, onLink: give }))
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, listener)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    throw new SheikhError(
      'invalid-options',
      `Cannot listen on ${host}, port ${port} (${messageOf(error)}). Choose another address or port.`,
      { cause: error },
    )
  }
  const { port: bound, family, address } = server.address() as AddressInfo
  url = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
  for (const path of links) onLink?.(`${url}${path}`)
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  return { url, close, [Symbol.asyncDispose]: close }
}
