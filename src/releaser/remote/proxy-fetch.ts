import { SheikhError } from '../../core/index.js'
import type { Fetch } from './persistent-fetch.js'

/** What is used of the package undici, version 7: the platform's own `fetch` takes no proxy on Node 20. */
export interface Undici {
  readonly EnvHttpProxyAgent: new (options: ProxyAddresses) => unknown
  readonly fetch: (input: string | URL, init: object) => Promise<unknown>
}

interface ProxyAddresses {
  readonly proxyTunnel: boolean
  readonly httpProxy: string
  readonly httpsProxy: string
  readonly noProxy: string
}

/**
 * A `fetch` that goes through the proxy which HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name, in capitals or not;
 * HTTP_PROXY serves for https too where HTTPS_PROXY is absent. Without one it is the platform's. Never goes round a proxy:
 * where the optional package undici is missing, each call rejects.
 *
 * @throws `invalid-options` for a proxy that is none of HTTP's; its calls `missing-peer`.
 */
export function proxyFetch(environment: Readonly<Record<string, string | undefined>>): Fetch {
  return proxyFetchWith(importUndici, environment)
}

/** As `proxyFetch`, with another way to load undici. */
export function proxyFetchWith(
  undici: () => Promise<Undici>,
  environment: Readonly<Record<string, string | undefined>>,
): Fetch {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name] || ''
  const [httpProxy, httpsProxy] = ['HTTP_PROXY', 'HTTPS_PROXY'].map((name) =>
    read(name) === '' ? proxyIn(read('ALL_PROXY'), 'ALL_PROXY') : proxyIn(read(name), name),
  )
  if (!httpProxy && !httpsProxy) return (input, init) => globalThis.fetch(input, init)
  let connecting: Promise<Fetch> | undefined
  async function connect(): Promise<Fetch> {
    const { EnvHttpProxyAgent, fetch } = await undici().catch((error: unknown) => {
      throw notInstalled(error)
    })
    const dispatcher = new EnvHttpProxyAgent({
      httpProxy: httpProxy ?? '',
      httpsProxy: httpsProxy ?? '',
      noProxy: read('NO_PROXY'),
      // Plain HTTP goes through the proxy as git and curl send it, by its absolute URL: many proxies refuse CONNECT to port 80.
      proxyTunnel: false,
    })
    return async (input, init) => (await fetch(input as string | URL, { ...init, dispatcher })) as Response
  }
  return async (input, init) => {
    connecting ??= connect()
    return (await connecting)(input, init)
  }
}

/**
 * The address of a proxy; without a scheme it is one of http, as for curl. It may hold a password: no error shows it.
 *
 * @param setting the variable or the key of Git's settings.
 * @throws `invalid-options`.
 */
export function proxyIn(text: string, setting: string): string {
  if (text === '') return ''
  const address = text.includes('://') ? text : `http://${text}`
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return address
  throw new SheikhError(
    'invalid-options',
    `Cannot use the proxy in ${setting}: it is no address that begins with http:// or https://. Set it to one, such as http://proxy.example.com:3128, or unset it.`,
    { facts: { setting } },
  )
}

// Not by a literal: the package is optional, and its types are not to be needed by who has none.
const packageName: string = 'undici'
const importUndici = (): Promise<Undici> => import(packageName)

const notInstalled = (cause: unknown) =>
  new SheikhError(
    'missing-peer',
    'Cannot use the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names: the package "undici" is not installed. Install it ("npm install undici@7"), or unset the variable.',
    { facts: { package: packageName }, cause },
  )
