import type { GitHubRepositoryState, GitHubState } from './github-state.js'

/** One request, and all that answering it needs. */
export interface Exchange {
  readonly method: string
  /** Below the repository, without a slash before it. */
  readonly path: string
  readonly query: URLSearchParams
  readonly accept: string
  readonly contentType: string
  readonly body: Buffer
  /** As its header says it. */
  readonly contentLength: string | undefined
  readonly canWrite: boolean
  readonly repository: GitHubRepositoryState
  readonly state: GitHubState
  readonly nowMs: number
  readonly world: World
}

/** What of a server decides its answers. */
export interface World {
  /** Of the API, without a slash at its end. */
  readonly apiUrl: string
  readonly uploadUrl: string
  readonly isImmutable: boolean
  readonly hasDigests: boolean
  /** Where the bytes of an asset lie; absent: the API gives them itself. */
  readonly downloadUrl?: ((assetId: number) => string) | undefined
}

export interface GitHubResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly bytes?: Uint8Array
}

export const json = (status: number, body: unknown): GitHubResponse => ({ status, body })
export const nothing: GitHubResponse = { status: 204 }

const documentation = 'https://docs.github.com/rest'
export const problem = (status: number, message: string): GitHubResponse =>
  json(status, { message, documentation_url: documentation, status: `${status}` })
export const notFound = problem(404, 'Not Found')
export const invalid = (resource: string, code: string, field: string): GitHubResponse =>
  json(422, { message: 'Validation Failed', documentation_url: documentation, errors: [{ resource, code, field }] })

export function bodyOf({ body }: Exchange): Record<string, unknown> {
  try {
    return JSON.parse(body.toString() || '{}') as Record<string, unknown>
  } catch {
    return {}
  }
}

/** A page of a list, with its neighbours in `Link`. */
export function page(exchange: Exchange, all: readonly unknown[]): GitHubResponse {
  const { query, path, repository, world } = exchange
  const size = Math.min(100, Math.max(1, Number(query.get('per_page') ?? 30)))
  const number = Math.max(1, Number(query.get('page') ?? 1))
  const last = Math.max(1, Math.ceil(all.length / size))
  const link = (to: number, relation: string) => {
    const parameters = new URLSearchParams(query)
    parameters.set('page', `${to}`)
    return `<${world.apiUrl}/repos/${repository.name}/${path}?${parameters}>; rel="${relation}"`
  }
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev'), link(1, 'first')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
  ]
  return {
    status: 200,
    body: all.slice((number - 1) * size, number * size),
    ...(links.length > 0 && { headers: { link: links.join(', ') } }),
  }
}
