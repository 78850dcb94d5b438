import { isPrivateAddress, SheikhError } from '../../core/index.js'
import type { Fetch } from '../../releaser/remote/index.js'

const mostRedirects = 5

/**
 * A `fetch` that follows redirects itself, with the same method and body: the headers of a request that leads to another
 * server are not sent there, except those that `publicHeaders` names. No redirect leads from https to http.
 */
export function guardedFetch(fetch: Fetch, publicHeaders: readonly string[]): Fetch {
  return async (input, init = {}) => {
    const first = new URL(input instanceof Request ? input.url : input)
    const headers = new Headers(init.headers)
    let url = first
    for (let redirects = 0; ; redirects += 1) {
      const response = await fetch(url, { ...init, headers, redirect: 'manual' })
      const target = response.headers.get('location')
      if (response.status < 301 || response.status > 308 || response.status === 304 || target === null) return response
      await response.body?.cancel()
      if (redirects === mostRedirects) throw refused(url, `it redirects more than ${mostRedirects} times`)
      if (!URL.canParse(target, url.href)) throw refused(url, 'it redirects to no usable address')
      const next = new URL(target, url)
      if (!mayLead(url, next)) throw refused(url, `it redirects to ${originText(next)}`)
      if (next.origin !== url.origin)
        for (const name of [...headers.keys()]) if (!publicHeaders.includes(name)) headers.delete(name)
      url = next
    }
  }
}

/** Whether a server may name an address: over http only a server over http, and one of this machine only this machine. */
export const mayLead = (from: URL, to: URL): boolean =>
  to.protocol === 'https:' ||
  (to.protocol === 'http:' && from.protocol === 'http:' && (isPrivateAddress(from) || !isPrivateAddress(to)))

/** For errors: `an address with "http:" (host)`. */
export const originText = ({ protocol, host }: URL): string =>
  `an address with "${protocol.slice(0, 200)}"${host === '' ? '' : ` (${host.slice(0, 200)})`}`

const refused = ({ host }: URL, fact: string) =>
  new SheikhError('remote-failed', `Cannot use the answer of ${host}: ${fact}. Correct the address.`)
