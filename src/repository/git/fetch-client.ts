import type { HttpClient } from 'isomorphic-git/http/node'
import type { Fetch } from '../../releaser/remote/index.js'

/** isomorphic-git's client, by a `fetch`: the library's own client takes no proxy. Follows no redirect. */
export function fetchClient(fetch: Fetch): HttpClient {
  return {
    async request({ url, method = 'GET', headers = {}, body, signal }) {
      const pieces: Uint8Array[] = []
      for await (const piece of body ?? []) pieces.push(piece)
      const response = await fetch(url, {
        ...{ method, headers, redirect: 'manual' },
        ...(body !== undefined && { body: Buffer.concat(pieces) }),
        ...(signal != null && { signal }),
      })
      return {
        ...{ url, method, statusCode: response.status, statusMessage: response.statusText },
        headers: Object.fromEntries(response.headers),
        body: piecesOf(response.body),
      }
    },
  }
}

async function* piecesOf(body: ReadableStream<Uint8Array> | null): AsyncIterableIterator<Uint8Array> {
  if (body === null) return
  for await (const piece of body as unknown as AsyncIterable<Uint8Array>) yield piece
}
