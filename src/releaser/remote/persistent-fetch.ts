import { setTimeout as wait } from 'node:timers/promises'
import pRetry from 'p-retry'
import { isSheikhError, type Log, messageOf } from '../../core/index.js'
import { remoteFailed } from './remote-error.js'

/** What is used of the platform's `fetch`; a test or a proxy takes its place. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export interface Patience {
  /** How often a request is made at most. @default 6 */
  readonly attempts?: number | undefined
  /** Wait before the second attempt; doubled, and varied at random, before each further one. @default 500 */
  readonly firstDelayMs?: number | undefined
  /** The longest wait, also where the remote asks for a longer one. @default 60_000 */
  readonly longestDelayMs?: number | undefined
  /** How long the answer to a request without a large body may take to begin, or to end where it is read whole. @default 60_000 */
  readonly timeoutMs?: number | undefined
}

export interface PersistentFetchOptions extends Patience {
  readonly fetch: Fetch
  readonly signal: AbortSignal
  readonly log: Log
  /** Whether sending a request twice is the same as once. @default GET, HEAD, PUT and DELETE */
  readonly isRepeatable?: ((method: string, url: URL) => boolean) | undefined
  /** Where given, answers are read whole, and one that breaks off is asked for again; a larger one is an error. */
  readonly largestAnswerBytes?: number | undefined
}

/** Bodies above this size may take as long as they need: only silence ends them. */
const largeBodyBytes = 1 << 20

/**
 * A `fetch` that tries again what a network or a busy server refused, waiting as `Retry-After` says. An answer that is final,
 * a refusal too, is returned as it is.
 *
 * @throws `remote-failed` where the last attempt failed too.
 */
export function persistentFetch(options: PersistentFetchOptions): Fetch {
  const { attempts = 6, firstDelayMs = 500, longestDelayMs = 60_000, signal, log } = options
  const isRepeatable = options.isRepeatable ?? ((method) => ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method))
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const method = (init.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase()
    // A stream is gone once it was read.
    const repeatable = isRepeatable(method, url) && !(init.body instanceof ReadableStream)
    const attempt = async (): Promise<Response> => {
      signal.throwIfAborted()
      const response = await once(options.fetch, input, init, options)
      if (!isBusy(response.status)) return response
      await response.body?.cancel()
      throw remoteFailed(`${method} ${url.host}${url.pathname}`, `the server answered ${response.status}`, {
        status: response.status,
        retryAfterMs: retryAfterMs(response),
      })
    }
    try {
      return await pRetry(attempt, {
        retries: repeatable ? attempts - 1 : 0,
        minTimeout: firstDelayMs,
        maxTimeout: longestDelayMs,
        randomize: true,
        signal,
        shouldRetry: () => !signal.aborted && init.signal?.aborted !== true,
        onFailedAttempt: async ({ error, retriesLeft }) => {
          signal.throwIfAborted()
          if (retriesLeft === 0) return
          log.debug(`Trying again: ${messageOf(error)}`)
          const asked = isSheikhError(error) ? error.facts['retryAfterMs'] : undefined
          if (typeof asked === 'number') await wait(Math.min(asked, longestDelayMs), undefined, { signal })
        },
      })
    } catch (error) {
      signal.throwIfAborted()
      init.signal?.throwIfAborted()
      if (isSheikhError(error)) throw error
      throw remoteFailed(`${method} ${url.host}${url.pathname}`, factOf(error), {}, error)
    }
  }
}

async function once(
  fetch: Fetch,
  input: string | URL | Request,
  init: RequestInit,
  { signal, timeoutMs = 60_000, largestAnswerBytes }: PersistentFetchOptions,
): Promise<Response> {
  const waiting = new AbortController()
  const tooLong = new Error(`no answer within ${timeoutMs / 1000} s`)
  const timer = isLarge(init.body) ? undefined : setTimeout(() => waiting.abort(tooLong), timeoutMs)
  const signals = [signal, waiting.signal, ...(init.signal ? [init.signal] : [])]
  try {
    const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) })
    return largestAnswerBytes === undefined ? response : await readWhole(response, largestAnswerBytes)
  } catch (error) {
    signal.throwIfAborted()
    init.signal?.throwIfAborted()
    // p-retry takes a plain TypeError for a mistake of ours and gives up.
    throw new Error(waiting.signal.aborted ? tooLong.message : factOf(error), { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

async function readWhole(response: Response, largestAnswerBytes: number): Promise<Response> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of response.body ?? []) {
    sizeBytes += piece.byteLength
    if (sizeBytes > largestAnswerBytes) throw new Error(`its answer is larger than ${largestAnswerBytes} bytes`)
    pieces.push(piece)
  }
  const { status, statusText, headers } = response
  // Some statuses may have no body, not even an empty one.
  return new Response(sizeBytes === 0 ? null : Buffer.concat(pieces), { status, statusText, headers })
}

const isLarge = (body: RequestInit['body']): boolean =>
  body instanceof ReadableStream ||
  (body instanceof Blob && body.size > largeBodyBytes) ||
  (ArrayBuffer.isView(body) && body.byteLength > largeBodyBytes)

const isBusy = (status: number) => [408, 425, 429, 500, 502, 503, 504].includes(status)

/** Milliseconds that the remote asks to wait: a number of seconds, or a date by the remote's own clock (RFC 9110, 10.2.3). */
function retryAfterMs({ headers }: Response): number | undefined {
  const asked = headers.get('retry-after')
  if (asked === null) return undefined
  if (/^\d{1,9}$/.test(asked)) return Number(asked) * 1000
  const [until, now] = [Date.parse(asked), Date.parse(headers.get('date') ?? '')]
  return Number.isFinite(until - now) ? Math.max(0, until - now) : undefined
}

/** The reason below "fetch failed", which says nothing. */
function factOf(error: unknown): string {
  const { cause } = (error ?? {}) as { readonly cause?: { readonly code?: unknown; readonly message?: unknown } }
  if (typeof cause?.code === 'string') return cause.code
  return typeof cause?.message === 'string' && cause.message !== '' ? cause.message : messageOf(error)
}
