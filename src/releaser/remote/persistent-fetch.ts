import { setTimeout as wait } from 'node:timers/promises'
import pRetry from 'p-retry'
import { isSheikhError, type Log, messageOf, SheikhError } from '../../core/index.js'
import { factOf, remoteFailed } from './remote-error.js'
import { startWatch, type Watch, watchedAnswer, watchedBody } from './watched-bytes.js'

/** What is used of the platform's `fetch`; a test or a proxy takes its place. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export interface RetryOptions {
  /** How often a request is made at most. @default 6 */
  readonly attempts?: number | undefined
  /** Wait before the second attempt; doubled, and varied at random, before each further one. @default 500 */
  readonly firstDelayMs?: number | undefined
  /** The longest wait, also where the remote asks for a longer one. @default 60_000 */
  readonly longestDelayMs?: number | undefined
  /** If the remote asks for a longer wait, it is not asked again. @default no limit */
  readonly longestAskedMs?: number | undefined
  /** How long nothing may move, to the remote or from it, before an attempt is given up. @default 60_000 */
  readonly timeoutMs?: number | undefined
}

export interface PersistentFetchOptions extends RetryOptions {
  readonly fetch: Fetch
  readonly signal: AbortSignal
  readonly log: Log
  /** Whether sending a request twice is the same as once. @default GET, HEAD, PUT and DELETE */
  readonly isRepeatable?: ((method: string, url: URL) => boolean) | undefined
  /** Where given, answers are read whole, and one that breaks off is asked for again; a larger one is an error. */
  readonly largestAnswerBytes?: number | undefined
}

/** A longer text takes its time to be sent. */
const longTextLength = 1 << 20

/**
 * A `fetch` that tries again what a network or a busy server refused, waiting as `Retry-After` says. An answer that is final,
 * a refusal too, is returned as it is.
 *
 * @throws `remote-failed` where the last attempt failed too.
 */
export function persistentFetch(options: PersistentFetchOptions): Fetch {
  const { attempts = 6, firstDelayMs = 500, longestDelayMs = 60_000, signal, log } = options
  const { longestAskedMs = Number.POSITIVE_INFINITY } = options
  const isRepeatable = options.isRepeatable ?? ((method) => ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method))
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    checkHeaders(init, url)
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
        shouldRetry: ({ error }) =>
          !signal.aborted && init.signal?.aborted !== true && !(isSheikhError(error) && !error.retryable),
        onFailedAttempt: async ({ error, retriesLeft }) => {
          signal.throwIfAborted()
          if (retriesLeft === 0) return
          const asked = isSheikhError(error) ? error.facts['retryAfterMs'] : undefined
          if (typeof asked === 'number' && asked > longestAskedMs) throw error
          log.debug(`Trying again: ${messageOf(error)}`)
          if (typeof asked === 'number') await wait(Math.min(asked, longestDelayMs), undefined, { signal })
        },
      })
    } catch (error) {
      signal.throwIfAborted()
      init.signal?.throwIfAborted()
      if (isSheikhError(error)) throw error
      throw remoteFailed(`${method} ${url.host}${url.pathname}`, messageOf(error), {}, error)
    }
  }
}

async function once(
  fetch: Fetch,
  input: string | URL | Request,
  init: RequestInit,
  { signal, timeoutMs = 60_000, largestAnswerBytes }: PersistentFetchOptions,
): Promise<Response> {
  const watch = startWatch(timeoutMs)
  const signals = [signal, watch.signal, ...(init.signal ? [init.signal] : [])]
  try {
    const { body } = init
    if (!(body instanceof ReadableStream))
      watch.restart(typeof body === 'string' && body.length > longTextLength ? 5 * timeoutMs : timeoutMs)
    const sent = { ...init, ...unbuffered(body, watch, timeoutMs), signal: AbortSignal.any(signals) }
    const response = await fetch(input, sent)
    return largestAnswerBytes === undefined
      ? watchedAnswer(response, watch)
      : await readWhole(response, largestAnswerBytes, watch)
  } catch (error) {
    signal.throwIfAborted()
    init.signal?.throwIfAborted()
    if (isSheikhError(error)) throw error
    // p-retry takes a plain TypeError for a mistake of ours and gives up.
    throw new Error(factOf(watch.signal.aborted ? watch.signal.reason : error), { cause: error })
  } finally {
    watch.rest()
  }
}

/**
 * Where a redirect might follow, Node's fetch keeps a copy of all that it sends: a gigabyte of memory for a gigabyte. So
 * no file is sent where one does.
 */
function unbuffered(body: RequestInit['body'], watch: Watch, timeoutMs: number): RequestInit {
  if (!(body instanceof Blob || body instanceof Uint8Array)) return {}
  const sizeBytes = body instanceof Blob ? body.size : body.byteLength
  // A server looks at all that it got before it answers.
  const moved = (sentBytes: number) => watch.restart(sentBytes < sizeBytes ? timeoutMs : 5 * timeoutMs)
  return { body: watchedBody(body, moved), redirect: 'error', window: null }
}

async function readWhole(response: Response, largestAnswerBytes: number, watch: Watch): Promise<Response> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of response.body ?? []) {
    watch.restart()
    sizeBytes += piece.byteLength
    if (sizeBytes > largestAnswerBytes)
      throw new SheikhError(
        'remote-failed',
        `Cannot use the remote's answer: it is larger than ${largestAnswerBytes} bytes.`,
      )
    pieces.push(piece)
  }
  const { status, statusText, headers } = response
  // Some statuses may have no body, not even an empty one.
  return new Response(sizeBytes === 0 ? null : Buffer.concat(pieces), { status, statusText, headers })
}

/** The platform's own error for a header shows its value. */
function checkHeaders(init: RequestInit, { host }: URL): void {
  try {
    new Headers(init.headers)
  } catch {
    throw new SheikhError(
      'access-denied',
      `Cannot ask ${host}: the token holds a line break or another character that no header may have. Set it again, as one line.`,
    )
  }
}

const isBusy = (status: number) => [408, 425, 429, 500, 502, 503, 504].includes(status)

/** Milliseconds that the remote asks to wait: a number of seconds, or a date by the remote's own clock (RFC 9110, 10.2.3). */
function retryAfterMs({ headers }: Response): number | undefined {
  // The Hub tells in the fields of an earlier draft: `RateLimit: "api";r=0;t=42` (draft-ietf-httpapi-ratelimit-headers-09).
  const asked = headers.get('retry-after') ?? headers.get('ratelimit')?.match(/;\s*t=(\d+)/)?.[1]
  if (asked === undefined) return undefined
  if (/^\d{1,9}$/.test(asked)) return Number(asked) * 1000
  const [until, now] = [Date.parse(asked), Date.parse(headers.get('date') ?? '')]
  return Number.isFinite(until - now) ? Math.max(0, until - now) : undefined
}
