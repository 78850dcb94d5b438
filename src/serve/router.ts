import { Fault } from './fault.js'
import type { Protocol, Route } from './protocol.js'

export interface Found {
  readonly protocol: Protocol
  readonly route: Route
}

/**
 * Finds the route of a request. Paths are compared exactly, so `/v1/../metrics`, `//metrics` and `/metrics/` are not
 * `/metrics`.
 */
export function routerOf(protocols: readonly Protocol[], basePath: string): (request: Request) => Found {
  const byPath = new Map<string, Map<string, Found>>()
  for (const protocol of protocols)
    for (const route of protocol.routes) {
      const path = `${basePath}${route.path}`
      const methods = byPath.get(path) ?? new Map<string, Found>()
      byPath.set(path, methods.set(route.method, { protocol, route }))
    }
  return ({ method, url }) => {
    const methods = byPath.get(new URL(url).pathname)
    if (methods === undefined)
      throw new Fault('not-found', 'Cannot answer: there is nothing at this path. The paths are in /openapi.json.')
    const found = methods.get(method)
    if (found !== undefined) return found
    const allowed = [...methods.keys()].join(', ')
    throw new Fault('method-not-allowed', `Cannot answer: this path accepts only ${allowed}.`, { allow: allowed })
  }
}
