import type { RepoDesignation } from '@huggingface/hub'
import { type CallContext, createRedactor, isSheikhError, messageOf, SheikhError } from '../../core/index.js'
import { persistentFetch, refused, remoteFailed } from '../remote/index.js'
import { checkConnection, type HubConnection } from './hub-connection.js'

/** Sends the requests of one call to one repository of the Hub. */
export type HubTransport = ReturnType<typeof hubTransport>

/** A regular (not large) file has at most 10 MiB on the Hub. */
const largestAnswerBytes = 64 * 2 ** 20

export function hubTransport(options: HubConnection, context: CallContext) {
  const { repository } = options
  const token = options.token || undefined
  const base = checkConnection(options)
  const isDataset = repository.startsWith('datasets/')
  const name = isDataset ? repository.slice('datasets/'.length) : repository
  const repo: RepoDesignation = { type: isDataset ? 'dataset' : 'model', name }
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { signal, log } = context
  const patient = {
    ...options.patience,
    fetch: options.fetch ?? globalThis.fetch,
    signal,
    log,
    // The Hub answers a repeated request with 409 or, because each commit names its parent, 412. The caller then reads the state again.
    isRepeatable: () => true,
  }
  const fetch = persistentFetch({ ...patient, largestAnswerBytes })
  const redact = createRedactor(token === undefined ? [] : [token])
  const refuse = (act: string, status: number, message = '', isRead = false) =>
    refused({ act: `${act} in ${repository}`, status, message: redact(message), tokenName: 'HF_TOKEN', isRead })

  async function request(act: string, url: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(url, { ...init, headers: { ...authorization, ...(init.headers as object) } })
    if (response.ok) return response
    throw refuse(act, response.status, await saidBy(response), init.method === undefined)
  }

  return {
    repository,
    base,
    /** The base address of the repository in the Hub's API. */
    api: `${base}/api/${isDataset ? 'datasets' : 'models'}/${name}`,
    authorization,
    signal,
    fetch,
    /** For content that does not fit in memory. */
    streamingFetch: persistentFetch(patient),
    refuse,
    request,

    post: (act: string, url: string, body: unknown) =>
      request(act, url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),

    checkToken: () => checkToken(token),

    /** Calls @huggingface/hub and converts its errors. */
    async called<V>(act: string, work: (hub: Hub, common: HubCommon) => Promise<V>): Promise<V> {
      signal.throwIfAborted()
      checkToken(token)
      try {
        const common = { repo, hubUrl: base, fetch: fetch as typeof globalThis.fetch, accessToken: token! }
        return await work(await import('@huggingface/hub'), common)
      } catch (error) {
        signal.throwIfAborted()
        if (isSheikhError(error)) throw error
        const { statusCode } = error as { readonly statusCode?: unknown }
        // The client appends an address to the Hub's message. The address may be signed, so remove it.
        if (typeof statusCode === 'number') throw refuse(act, statusCode, messageOf(error).replace(/\. URL: .*$/s, ''))
        throw remoteFailed(`${act} in ${repository}`, redact(messageOf(error)), {}, error)
      }
    },
  }
}

type Hub = typeof import('@huggingface/hub')
interface HubCommon {
  readonly repo: RepoDesignation
  readonly hubUrl: string
  readonly fetch: typeof globalThis.fetch
  readonly accessToken: string
}

/** Checked before any request, because the client would throw a plain TypeError. */
function checkToken(token: string | undefined): void {
  if (token?.startsWith('hf_')) return
  throw new SheikhError(
    'access-denied',
    `Cannot write to the Hub: the token is ${token === undefined ? 'missing' : 'not a Hub token, which begins with "hf_"'}. Set HF_TOKEN to a token with write access.`,
  )
}

/** The remote's message for a refused request. */
export async function saidBy(response: Response): Promise<string | undefined> {
  const header = response.headers.get('x-error-message')
  const text = await response.text().catch(() => '')
  if (header !== null) return header
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown }
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

export async function json(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch (error) {
    throw remoteFailed('read the response', `it is not JSON (${messageOf(error)})`)
  }
}
