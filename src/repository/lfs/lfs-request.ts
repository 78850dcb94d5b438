import { SheikhError } from '../../core/index.js'
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
      const next = new URL(target, url)
      if (!/^https?:$/.test(next.protocol) || (url.protocol === 'https:' && next.protocol === 'http:'))
        throw refused(url, `it redirects to an address with "${next.protocol}"`)
      if (next.origin !== url.origin)
        for (const name of [...headers.keys()]) if (!publicHeaders.includes(name)) headers.delete(name)
      url = next
    }
  }
}

const refused = ({ host }: URL, fact: string) =>
  new SheikhError('remote-failed', `Cannot use the answer of ${host}: ${fact}. Correct the address.`)
