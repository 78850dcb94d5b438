import { callContext, isSheikhError, messageOf, SheikhError, untilAborted } from '../../core/index.js'
import { type Fetch, factOf, remoteFailed } from '../remote/index.js'
import { checkConnection } from './hub-connection.js'

/** Stands for the token of a trusted publisher until a request is sent. */
export const trustedPublisherToken = 'hf_trusted_publisher'

export interface TrustedPublisherOptions {
  /** `ns/name`, or `datasets/ns/name`. Its trusted publisher must be of the kind that may write. */
  readonly repository: string
  /** The runner's identity as a JSON web token for this audience. */
  readonly identity: (audience: string) => Promise<string>
  /** @default 'https://huggingface.co' */
  readonly endpoint?: string | undefined
  /** @default the platform's */
  readonly fetch?: Fetch | undefined
  /** The time in milliseconds since 1970. @default the system's */
  readonly nowMs?: (() => number) | undefined
}

/** A token is renewed this long before it ends, so that an upload that has begun can finish. */
const renewalMs = 10 * 60_000
const longestExchangeMs = 30_000

/**
 * A `fetch` for `huggingFaceRegistry` that needs no secret: it exchanges the identity of a CI runner for a token of the Hub,
 * which is valid for about one hour and one repository. Use it together with the token `trustedPublisherToken`. Only requests to the
 * endpoint get the token. If the Hub refuses the exchange, requests that only read are sent without a token.
 *
 * Format: RFC 8693, as the Hub's own client sends it. https://huggingface.co/docs/hub/trusted-publishers
 *
 * @throws (from the returned function) `access-denied` for a request that writes, if the Hub refuses the exchange; `remote-failed` if
 * the Hub or the CI service cannot be reached.
 */
export function trustedPublisherFetch(options: TrustedPublisherOptions): Fetch {
  const { repository, fetch = globalThis.fetch, nowMs = () => callContext().clock.nowMs() } = options
  const endpoint = checkConnection(options)
  let known: { readonly token: string; readonly renewAtMs: number } | undefined
  let asked: Promise<string> | undefined

  /** One exchange at a time: requests are sent in parallel. */
  function token(): Promise<string> {
    if (known !== undefined && nowMs() < known.renewAtMs) return Promise.resolve(known.token)
    asked ??= exchange().finally(() => {
      asked = undefined
    })
    return asked
  }

  async function exchange(): Promise<string> {
    try {
      const response = await send(fetch, 'log in to the Hub', `${endpoint}/oauth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
          subject_token: await options.identity(endpoint),
          resource: repository,
        }),
      })
      const answer = (await response.json().catch(() => ({}))) as Readonly<Record<string, unknown>>
      const { access_token: token, expires_in: seconds, error, error_description: description } = answer
      if (!response.ok) throw new Error(`the Hub answered ${response.status} (${String(description ?? error ?? '')})`)
      if (typeof token !== 'string' || !/^hf_\w+$/.test(token))
        throw new Error('the answer contains no token of the Hub')
      const validMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : renewalMs
      known = { token, renewAtMs: nowMs() + Math.max(validMs / 2, validMs - renewalMs) }
      return token
    } catch (error) {
      // Nobody refused: a network fault, or a server that is busy.
      if (isSheikhError(error)) throw error
      throw new SheikhError(
        'access-denied',
        `Cannot log in to the Hub as a trusted publisher of ${repository}: ${messageOf(error)}. Add this workflow to the repository's Trusted Publishers (kind "repo publisher"), or set HF_TOKEN.`,
        { facts: { repository }, cause: error },
      )
    }
  }

  return async (input, init = {}) => {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
    const url = new URL(input instanceof Request ? input.url : input)
    const isForHub = url.origin === new URL(endpoint).origin
    if (!isForHub || headers.get('authorization') !== `Bearer ${trustedPublisherToken}`) return fetch(input, init)
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined)
    const method = init.method ?? (input instanceof Request ? input.method : 'GET')
    // The exchange continues for the other requests that wait for it.
    const waiting = signal ? untilAborted(token(), signal) : token()
    const failure = await waiting.then(
      (value) => void headers.set('authorization', `Bearer ${value}`),
      (error: unknown) => error,
    )
    signal?.throwIfAborted()
    if (failure === undefined) return fetch(input, { ...init, headers })
    if (!isReading(method, url)) throw failure
    // A public repository can be read by anyone.
    headers.delete('authorization')
    const response = await fetch(input, { ...init, headers })
    if (response.status !== 401 && response.status !== 403) return response
    await response.body?.cancel()
    throw failure
  }
}

/** An identity and the token for it are for this address only. @throws `remote-failed` for a network fault, 429 and 5xx. */
async function send(fetch: Fetch, act: string, address: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    const signal = AbortSignal.timeout(longestExchangeMs)
    response = await fetch(address, { ...init, redirect: 'error', signal })
  } catch (error) {
    if (isSheikhError(error)) throw error
    throw remoteFailed(act, factOf(error), {}, error)
  }
  if (response.status !== 429 && response.status < 500) return response
  await response.body?.cancel()
  throw remoteFailed(act, `the server answered ${response.status}`, { status: response.status })
}

const isReading = (method: string, { pathname }: URL) =>
  ['GET', 'HEAD'].includes(method.toUpperCase()) || /^\/api\/\w+\/[^/]+\/[^/]+\/paths-info\//.test(pathname)

/**
 * The identity of a GitHub Actions runner; `undefined` if the job has no `permissions: id-token: write`.
 *
 * https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
 */
export function actionsIdentity(
  environment: Readonly<Record<string, string | undefined>>,
  fetch: Fetch = globalThis.fetch,
): TrustedPublisherOptions['identity'] | undefined {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = environment
  if (!address || !token) return undefined
  return async (audience) => {
    const url = new URL(address)
    url.searchParams.set('audience', audience)
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
    const response = await send(fetch, 'get an identity from GitHub', url.href, { headers })
    const { value } = (await response.json().catch(() => ({}))) as { readonly value?: unknown }
    if (response.ok && typeof value === 'string' && value !== '') return value
    throw new Error(`GitHub gave no identity (status ${response.status})`)
  }
}
