import { type CallContext, createRedactor, SheikhError } from '../../core/index.js'
import { type Fetch, persistentFetch, type RetryOptions, refused, remoteFailed } from '../remote/index.js'

/** The variable that errors name; the token itself comes as an option. */
const tokenName = 'GITHUB_TOKEN'
/** A hundred releases, each with all its assets, may be long. */
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
  /** In GitHub's words, with the codes of what it found wrong. */
  readonly message: string
}

/** A release as GitHub tells it: what is used of it. */
export interface ReleaseJson {
  readonly id: number
  readonly tag_name: string
  readonly target_commitish: string
  readonly name: string | null
  readonly body: string | null
  readonly draft: boolean
  /** Its assets and its tag are fixed. */
  readonly immutable?: boolean
  readonly upload_url: string
  readonly published_at: string | null
  readonly assets: readonly AssetJson[]
}

export interface AssetJson {
  readonly id: number
  readonly name: string
  readonly size: number
  /** `starter`: an upload that broke off. */
  readonly state: string
  /** `sha256:…`; not every server tells it. */
  readonly digest?: string | null
}

export interface CallOptions {
  readonly body?: unknown
  /** Refusals that are an answer to the caller. */
  readonly allow?: readonly number[]
}

/** One repository, for one call of the registry. */
export interface GitHubApi {
  /** @param act to follow "Cannot". @param path below the repository. @throws as `refused` says. */
  call<T>(act: string, method: string, path: string, options?: CallOptions): Promise<ApiResponse<T>>
  all<T>(act: string, path: string): Promise<readonly T[]>
  upload(release: ReleaseJson, name: string, body: Blob): Promise<ApiResponse<AssetJson>>
  /** The text of a small asset. */
  text(assetId: number): Promise<string>
  assetUrl(assetId: number): string
  /** For `assetUrl`: follows to where the bytes lie, and tells that host no token. */
  readonly download: Fetch
  readonly context: CallContext
}

/** Plain REST calls to GitHub; each is made again while the network or a busy server refuses it. */
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
      // What may be done twice by that is looked for wherever it matters: a name that is taken, a draft too many.
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
    throw remoteFailed('download an asset', 'it is redirected again and again')
  }
  const smallDownload = persistent(following, largestAnswerBytes)

  async function settle<T>(act: string, response: Response, allow: readonly number[] = []): Promise<ApiResponse<T>> {
    const { status, ok } = response
    const text = await response.text()
    const value = parsed(text)
    const message = redact(messageIn(value))
    if (redirects.includes(status)) throw moved(act, repository)
    if (ok && text !== '' && value === undefined) throw remoteFailed(act, 'the answer is not JSON')
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
        found.push(...value)
        // Our own numbers, and not the address in the header: it could lead the token elsewhere.
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

/** A path in an address: a version may hold a plus. */
export const encodePath = (path: string) => path.split('/').map(encodeURIComponent).join('/')

/** GitHub's way to say "too fast", as the status that it has elsewhere. */
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
    // By GitHub's own clock: ours may be wrong.
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
  new SheikhError(
    'not-found',
    `Cannot ${act}: ${repository} was renamed or moved. Name the repository as it is called now.`,
    { facts: { repository } },
  )
