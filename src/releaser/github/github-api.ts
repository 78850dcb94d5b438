import { type CallContext, createRedactor, SheikhError } from '../../core/index.js'
import { type Fetch, persistentFetch, type RetryOptions, refused, remoteFailed } from '../remote/index.js'

/** The environment variable that errors mention. The token itself is an option. */
const tokenName = 'GITHUB_TOKEN'
/** The largest response: a hundred releases with all their assets can be long. */
const largestAnswerBytes = 256 << 20
const redirects: readonly number[] = [301, 302, 303, 307, 308]

export interface GitHubAddress {
  /** `owner/name`. */
  readonly repository: string
  readonly token?: string | undefined
  readonly baseUrl: string
  readonly fetch: Fetch
  readonly patience?: RetryOptions | undefined
}

export interface ApiResponse<T> {
  readonly status: number
  readonly ok: boolean
  readonly value: T
  /** GitHub's message, with its error codes. */
  readonly message: string
}

/** The parts of GitHub's release object that are used here. */
export interface ReleaseJson {
  readonly id: number
  readonly tag_name: string
  readonly target_commitish: string
  readonly name: string | null
  readonly body: string | null
  readonly draft: boolean
  /** True if its assets and its tag cannot change. */
  readonly immutable?: boolean
  readonly upload_url: string
  readonly published_at: string | null
  readonly assets: readonly AssetJson[]
}

export interface AssetJson {
  readonly id: number
  readonly name: string
  readonly size: number
  /** `starter` marks an interrupted upload. */
  readonly state: string
  /** `sha256:…`. Not every server reports it. */
  readonly digest?: string | null
}

export interface CallOptions {
  readonly body?: unknown
  /** Error statuses that are returned to the caller instead of thrown. */
  readonly allow?: readonly number[]
}

/** One repository, for one call of the registry. */
export interface GitHubApi {
  /** @param act to follow "Cannot". @param path below the repository. @throws as `refused` says. */
  call<T>(act: string, method: string, path: string, options?: CallOptions): Promise<ApiResponse<T>>
  all<T>(act: string, path: string): Promise<readonly T[]>
  upload(release: ReleaseJson, name: string, body: Blob): Promise<ApiResponse<AssetJson>>
  /** Returns the text of a small asset. */
  text(assetId: number): Promise<string>
  assetUrl(assetId: number): string
  /** Follows redirects to the content, without sending the token to that host. */
  readonly download: Fetch
  readonly context: CallContext
}

/** A REST client for GitHub. Retries requests that fail because of the network or a busy server. */
export function githubApi(address: GitHubAddress, context: CallContext): GitHubApi {
  const { repository, token, baseUrl, fetch } = address
  const base = new URL(baseUrl)
  const root = `${baseUrl.replace(/\/+$/, '')}/repos/${repository}`
  const redact = createRedactor(token === undefined ? [] : [token])
  const headers = (accept: string): Record<string, string> => ({
    accept,
    'user-agent': 'sheikh-freemium',
    'x-github-api-version': '2022-11-28',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  })
  const persistent = (inner: Fetch, largest?: number) =>
    persistentFetch({
      ...address.patience,
      fetch: withRateLimit(inner),
      largestAnswerBytes: largest,
      signal: context.signal,
      log: context.log,
      // A retry can perform a request twice. Callers check for the consequences: a taken name, a second draft.
      isRepeatable: () => true,
    })
  const request = persistent((input, init) => fetch(input, { redirect: 'manual', ...init }), largestAnswerBytes)

  const following: Fetch = async (input, init = {}) => {
    const range = new Headers(init.headers).get('range')
    let url = new URL(String(input))
    for (let hops = 0; hops < 5; hops += 1) {
      const own = url.origin === base.origin ? headers('application/octet-stream') : {}
      const response = await fetch(url, {
        ...init,
        redirect: 'manual',
        headers: { ...own, ...(range !== null && { range }) },
      })
      const location = response.headers.get('location')
      if (!redirects.includes(response.status) || location === null) return response
      await response.body?.cancel()
      url = new URL(location, url)
    }
    throw remoteFailed('download an asset', 'there are too many redirects')
  }
  const smallDownload = persistent(following, largestAnswerBytes)

  async function settle<T>(act: string, response: Response, allow: readonly number[] = []): Promise<ApiResponse<T>> {
    const { status, ok } = response
    const text = await response.text()
    const value = parsed(text)
    const message = redact(messageIn(value))
    if (redirects.includes(status)) throw moved(act, repository)
    if (ok && text !== '' && value === undefined) throw remoteFailed(act, 'the response is not JSON')
    if (!ok && !allow.includes(status)) throw refused({ act, status, message, tokenName })
    return { status, ok, value: value as T, message }
  }

  const call: GitHubApi['call'] = async (act, method, path, { body, allow } = {}) => {
    const init: RequestInit = { method, headers: headers('application/vnd.github+json') }
    if (body !== undefined) {
      init.headers = { ...headers('application/vnd.github+json'), 'content-type': 'application/json' }
      init.body = JSON.stringify(body)
    }
    return settle(act, await request(path === '' ? root : `${root}/${path}`, init), allow)
  }

  return {
    context,
    call,
    async all<T>(act: string, path: string) {
      const found: T[] = []
      for (let page = 1; ; page += 1) {
        const url = `${root}/${path}?per_page=100&page=${page}`
        const response = await request(url, { headers: headers('application/vnd.github+json') })
        const { value } = await settle<readonly T[]>(act, response)
        if (!Array.isArray(value)) throw remoteFailed(act, 'the response is not a list')
        found.push(...value)
        // Count pages instead of following the address in the header, which could send the token elsewhere.
        if (!/rel="next"/.test(response.headers.get('link') ?? '')) return found
      }
    },
    async upload(release, name, body) {
      const url = new URL(release.upload_url.replace(/\{.*$/, ''))
      url.searchParams.set('name', name)
      const response = await request(url, {
        method: 'POST',
        headers: { ...headers('application/vnd.github+json'), 'content-type': 'application/octet-stream' },
        body,
      })
      return settle(`upload ${name}`, response, [422])
    },
    async text(assetId) {
      const response = await smallDownload(`${root}/releases/assets/${assetId}`)
      const text = await response.text()
      if (response.ok) return text
      throw refused({ act: 'download an asset', status: response.status, tokenName })
    },
    assetUrl: (assetId) => `${root}/releases/assets/${assetId}`,
    download: persistent(following),
  }
}

/** Encodes a path for an address. A version may contain a plus sign. */
export const encodePath = (path: string) => path.split('/').map(encodeURIComponent).join('/')

/** Maps GitHub's rate-limit response to the usual status. */
function withRateLimit(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    const { status, headers } = response
    if (status !== 403 && status !== 429) return response
    const text = await response.text()
    const seconds = rateLimitSeconds(headers, text)
    return seconds === undefined
      ? new Response(text, { status, headers })
      : new Response(null, { status: 429, headers: { 'retry-after': `${seconds}` } })
  }
}

/** https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api: what to wait for, in this order. */
function rateLimitSeconds(headers: Headers, text: string): number | undefined {
  const asked = headers.get('retry-after')
  if (asked !== null && /^\d{1,9}$/.test(asked)) return Number(asked)
  if (headers.get('x-ratelimit-remaining') === '0') {
    // Use GitHub's clock: the local one may be wrong.
    const seconds = Number(headers.get('x-ratelimit-reset')) - Date.parse(headers.get('date') ?? '') / 1000
    return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : 60
  }
  return /rate limit/i.test(text) ? 60 : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function messageIn(value: unknown): string {
  const { message, errors } = (value ?? {}) as { readonly message?: unknown; readonly errors?: unknown }
  const parts = (Array.isArray(errors) ? errors : []).map((error: unknown) => {
    if (typeof error === 'string') return error
    const { resource, field, code, message: text } = (error ?? {}) as Record<string, unknown>
    return typeof text === 'string'
      ? text
      : [resource, field, code].filter((part) => typeof part === 'string').join(' ')
  })
  return [...(typeof message === 'string' ? [message] : []), ...parts].join('; ')
}

const moved = (act: string, repository: string) =>
  new SheikhError('not-found', `Cannot ${act}: ${repository} was renamed or moved. Use its current name.`, {
    facts: { repository },
  })
