import type { Exchange } from './exchange.js'
import { Fault } from './fault.js'
import type { Protocol, Route } from './protocol.js'

export interface Found {
  readonly protocol: Protocol
  readonly route: Omit<Route, 'operation'>
}

/**
 * Finds the route of a request. Paths are compared exactly, so `/v1/../metrics`, `//metrics` and `/metrics/` are not
 * `/metrics`. A path without a route leads to a refusal, in the words of the protocol that it belongs to.
 */
export function routerOf(
  protocols: readonly [Protocol, ...Protocol[]],
  basePath: string,
): (exchange: Pick<Exchange, 'method' | 'path'>) => Found {
  const byPath = new Map<string, Map<string, Found>>()
  for (const protocol of protocols)
    for (const route of protocol.routes) {
      const path = `${basePath}${route.path}`
      const methods = byPath.get(path) ?? new Map<string, Found>()
      byPath.set(path, methods.set(route.method, { protocol, route }))
    }
  return ({ method, path }) => {
    const methods = byPath.get(path)
    const found = methods?.get(method)
    if (found !== undefined) return found
    if (methods !== undefined) {
      const allowed = [...methods.keys()].join(', ')
      const fault = new Fault('method-not-allowed', `Cannot answer: this path accepts only ${allowed}.`, {
        allow: allowed,
      })
      return { protocol: [...methods.values()][0]!.protocol, route: refusing(fault) }
    }
    const owner = protocols.find(({ prefix }) => prefix !== undefined && path.startsWith(`${basePath}${prefix}`))
    return {
      protocol: owner ?? protocols[0],
      route: refusing(
        new Fault('not-found', 'Cannot answer: there is nothing at this path. The paths are in docs/serving.md.'),
      ),
    }
  }
}

const refusing = (fault: Fault): Found['route'] => ({ method: 'GET', path: '', answer: () => Promise.reject(fault) })
