import type { CallContext } from '../core/index.js'
import { createRedactor, type Log, messageOf, SheikhError } from '../core/index.js'
import { type Fetch, persistentFetch, type RetryOptions } from '../releaser/remote/index.js'

/** How a notifier reaches its server. */
export interface NotifierTransport {
  /** @default the platform's; `proxyFetch` for a proxy */
  readonly fetch?: Fetch | undefined
  /** @default 4 attempts within 10 s */
  readonly patience?: RetryOptions | undefined
}

/** A notification has 10 s: two attempts over which nothing moves, or more that fail at once. */
export const notifierPatience: RetryOptions = {
  attempts: 4,
  firstDelayMs: 500,
  longestDelayMs: 5_000,
  longestAskedMs: 8_000,
  timeoutMs: 4_000,
}
/** Of an answer. Webhooks answer with a word. */
const largestAnswerBytes = 64 << 10

export interface PostRequest extends NotifierTransport {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body: string
  /** Hidden in errors and in the log, as the address is. */
  readonly secrets?: readonly string[] | undefined
}

/**
 * Posts JSON. Retries a network fault, 429 and 5xx; follows no redirect.
 *
 * @returns the status and the beginning of the answer.
 * @throws `remote-failed` for any other answer than 2xx, and after the last attempt.
 */
export async function post(request: PostRequest, context: CallContext): Promise<string> {
  const { url, headers, body, secrets = [] } = request
  const redact = createRedactor([url.href, `${url.pathname}${url.search}`, ...secrets])
  const send = persistentFetch({
    ...notifierPatience,
    ...request.patience,
    fetch: request.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    largestAnswerBytes,
    // A recipient can tell a second delivery by its id.
    isRepeatable: () => true,
    signal: context.signal,
    log: redactedLog(context.log, redact),
  })
  const fail = (fact: string, status: number) =>
    new SheikhError('remote-failed', redact(`Cannot notify ${url.host}: ${fact}.`), { facts: { status } })
  let response: Response
  try {
    response = await send(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'sheikh-freemium', ...headers },
      body,
    })
  } catch (error) {
    context.signal.throwIfAborted()
    // Without the cause, which may contain the address.
    throw new SheikhError('remote-failed', redact(messageOf(error)), { retryable: true })
  }
  const { status } = response
  const answer = (await response.text()).trim().slice(0, 200)
  if (status >= 300 && status < 400) throw fail(`it answered ${status}, and redirects are not followed`, status)
  if (!response.ok) throw fail(`it answered ${status}${answer === '' ? '' : `, ${JSON.stringify(answer)}`}`, status)
  return redact(`${status}${answer === '' ? '' : ` ${answer}`}`)
}

const redactedLog = (log: Log, redact: (text: string) => string): Log => ({
  debug: (message) => log.debug(redact(message)),
  info: (message) => log.info(redact(message)),
  warn: (message) => log.warn(redact(message)),
})
