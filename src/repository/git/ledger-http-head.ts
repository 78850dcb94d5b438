import type { HttpClient } from 'isomorphic-git/http/node'

/**
 * A client whose server always says what its HEAD is: isomorphic-git's fetch fails where it does not, also when it is told
 * what to fetch (https://github.com/isomorphic-git/isomorphic-git/issues/1654), and a repository whose default branch
 * nobody has pushed yet has none.
 */
export function withNamedHead(http: HttpClient, ref: string): HttpClient {
  return {
    async request(parts) {
      const response = await http.request(parts)
      if (!parts.url.endsWith('/info/refs?service=git-upload-pack') || response.body === undefined) return response
      const pieces: Uint8Array[] = []
      for await (const piece of response.body) pieces.push(piece)
      return { ...response, body: once(nameHead(Buffer.concat(pieces).toString('latin1'), ref)) }
    },
  }
}

/** Protocol 1, gitprotocol-pack(5): the capabilities stand behind a NUL in the first line, which begins with its length. */
function nameHead(text: string, ref: string): string {
  if (text.includes(' HEAD\0') || text.includes('symref=HEAD:')) return text
  const capability = `symref=HEAD:${ref} `
  return text.replace(
    /^(001e# service=git-upload-pack\n0000)([0-9a-f]{4})([^\0]*\0)/,
    (_, service: string, length: string, refs: string) =>
      `${service}${(Number.parseInt(length, 16) + capability.length).toString(16).padStart(4, '0')}${refs}${capability}`,
  )
}

async function* once(text: string) {
  yield Buffer.from(text, 'latin1')
}
