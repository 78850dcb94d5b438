import { setTimeout as pause } from 'node:timers/promises'
import { type CallContext, messageOf, SheikhError, untilAborted } from '../../core/index.js'

/** How long one attempt may take, in milliseconds. */
const longestAttemptMs = 5000
const pauseMs = 300
// Redis: https://redis.io/docs/latest/commands/auth; PostgreSQL: appendix A of its manual, classes 28 and 42501, 3D000.
const denied = /WRONGPASS|NOAUTH|NOPERM|invalid password|ERR AUTH/
const deniedCodes = new Set(['28P01', '28000', '3D000', '42501'])
// https://nodejs.org/api/tls.html#x509-certificate-error-codes, alerts of TLS, and a server that does not answer in TLS.
// Other faults of TLS may be those of a server that is slow or starting.
const insecure =
  /CERT|(INVALID|UNKNOWN)_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|VERIFY_LEAF|^EPROTO$|WRONG_VERSION_NUMBER|PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE|NO_SHARED_CIPHER/
const wantsCertificate = /ALERT_(CERTIFICATE_|\w+_CERTIFICATE$|UNKNOWN_CA)/
const insecureMessage = /does not support SSL connections/

export type Call = <T>(purpose: string, run: () => Promise<T>, context: CallContext) => Promise<T>

/** What a connection reports. While it has none, calls wait, and do not fail themselves. */
export interface ConnectionErrors {
  report(error: unknown): void
  /** Repeats calls to a server that does not answer. They must be harmless if they are done twice. */
  readonly call: Call
}

export function connectionErrors(address: string, patienceMs: number): ConnectionErrors {
  const attemptMs = Math.min(longestAttemptMs, patienceMs / 3)
  const refuse = new Set<(error: unknown) => void>()
  let last: unknown

  async function limited<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    let stop = (_: unknown) => {}
    const late = new Promise<never>((_, reject) => {
      stop = reject
      timer = setTimeout(() => reject(last ?? new Error(`no answer in ${Math.round(attemptMs)} ms`)), attemptMs)
    })
    refuse.add(stop)
    // If it is late, nobody waits for it any more.
    work.catch(() => {})
    try {
      const result = await Promise.race([work, late])
      last = undefined
      return result
    } finally {
      clearTimeout(timer)
      refuse.delete(stop)
    }
  }

  const call: Call = async (purpose, run, { signal, log }) => {
    const beganMs = performance.now()
    let isReported = false
    for (;;)
      try {
        return await untilAborted(limited(run()), signal)
      } catch (error) {
        signal.throwIfAborted()
        const fact = factOf(error)
        const waitedMs = performance.now() - beganMs
        const facts = { address, purpose }
        if (isDenied(error))
          throw new SheikhError(
            'access-denied',
            `Cannot ${purpose}: ${address} refused the credentials (${fact}). Correct user, password and database in its address.`,
            { facts, cause: causeOf(error, fact) },
          )
        if (isInsecure(error))
          throw new SheikhError(
            'remote-failed',
            `Cannot ${purpose}: the TLS connection to ${address} failed (${fact}). ${tlsRemedy(error)}.`,
            { facts, cause: causeOf(error, fact) },
          )
        if (waitedMs >= patienceMs)
          throw new SheikhError(
            'remote-failed',
            `Cannot ${purpose}: ${address} did not answer for ${Math.round(waitedMs / 1000)} s (${fact}). Start it, or correct its address.`,
            { facts, cause: causeOf(error, fact), retryable: true },
          )
        if (!isReported)
          log.warn(`${address} does not answer (${fact}). Tries again for up to ${Math.round(patienceMs / 1000)} s.`)
        isReported = true
        await pause(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
  }

  return {
    call,
    report(error) {
      last = error
      if (isDenied(error) || isInsecure(error)) for (const reject of refuse) reject(error)
    },
  }
}

const isDenied = (error: unknown) =>
  denied.test(messageOf(error)) || deniedCodes.has(String((error as { readonly code?: unknown }).code))

/** Waiting does not mend it. */
const isInsecure = (error: unknown) => insecure.test(codeOf(error)) || insecureMessage.test(messageOf(error))

const codeOf = (error: unknown) => String((error as { readonly code?: unknown }).code)

const tlsRemedy = (error: unknown): string =>
  wantsCertificate.test(codeOf(error))
    ? 'The server accepts only clients with a certificate that it knows. For PostgreSQL, name one in the address (sslcert, sslkey). With Redis, let the server ask for a password instead (tls-auth-clients no)'
    : 'Correct its address or its certificate, or name the file with the certificate of its authority in NODE_EXTRA_CA_CERTS'

/** A copy with the message and the code only. An error of ioredis has its command with it, which may be AUTH with the password. */
const causeOf = (error: unknown, fact: string) =>
  Object.assign(new Error(fact), { code: (error as { readonly code?: unknown }).code })

/** An `AggregateError` of several addresses has no message. */
function factOf(error: unknown): string {
  const { code, errors } = error as { readonly code?: unknown; readonly errors?: readonly unknown[] }
  return messageOf(error) || (errors?.[0] === undefined ? String(code) : messageOf(errors[0]))
}
