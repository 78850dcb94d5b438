import { hostname } from 'node:os'
import { type CallContext, type JsonObject, SheikhError } from '../../core/index.js'
import type { Bucket } from '../bucket/index.js'
import { lockLost } from '../records.js'
import type { HeldLock, Lock } from '../store.js'

/** How long a holder that says nothing more is waited for; it speaks three times as often. */
const leaseMs = 120_000
/** What the clocks of two machines may differ by. */
const clockToleranceMs = 30_000

/**
 * A lock across machines: `lock/<token>.json`, each token made once, and the highest holds. Its holder renews a lease; a
 * lock whose lease ran out is taken over with the next token.
 */
export async function takeS3Lock(bucket: Bucket, purpose: string, context: CallContext): Promise<Lock> {
  const { clock } = context
  const tokens = await tokensIn(bucket, context)
  const last = tokens.at(-1) ?? 0
  const holder = last === 0 ? undefined : await readHolder(bucket, last, context)
  if (holder !== undefined && !hasEnded(holder, context)) throw held(bucket, holder)

  const token = last + 1
  const document = (untilMs: number) =>
    new TextEncoder().encode(JSON.stringify({ formatVersion: 1, token, purpose, host: hostname(), untilMs }))
  if (!(await bucket.create(keyOf(token), document(clock.nowMs() + leaseMs), context)))
    throw held(bucket, (await readHolder(bucket, token, context)) ?? { token, purpose: 'unknown', untilMs: 0 })
  for (const old of tokens) await bucket.remove(keyOf(old), context)

  // What ends the call that took the lock does not end the lock.
  const own = { ...context, signal: new AbortController().signal }
  let isHeld = true
  const isLast = async () => (await tokensIn(bucket, own)).at(-1) === token
  const renewing = setInterval(() => {
    const renew = async () => {
      if (isHeld && (await isLast()) && isHeld) await bucket.put(keyOf(token), document(clock.nowMs() + leaseMs), own)
    }
    // The next time may be in time; `check` tells whether it was not.
    renew().catch((error: unknown) => context.log.debug(`The lock could not be renewed: ${String(error)}`))
  }, leaseMs / 3)
  renewing.unref()
  const release = async () => {
    if (!isHeld) return
    isHeld = false
    clearInterval(renewing)
    // It stays as the last token, and holds no more.
    if (await isLast()) await bucket.put(keyOf(token), document(0), own)
  }
  return {
    token,
    async check() {
      if (!isHeld || !(await isLast())) throw lockLost({ token })
    },
    release,
    [Symbol.asyncDispose]: release,
  }
}

/** The lock as it is held now; `undefined` if nobody holds it. */
export async function heldS3Lock(bucket: Bucket, context: CallContext): Promise<HeldLock | undefined> {
  const last = (await tokensIn(bucket, context)).at(-1)
  const holder = last === undefined ? undefined : await readHolder(bucket, last, context)
  return holder === undefined || hasEnded(holder, context)
    ? undefined
    : { token: holder.token, purpose: holder.purpose }
}

const hasEnded = ({ untilMs }: Holder, { clock }: CallContext) => untilMs + clockToleranceMs <= clock.nowMs()

interface Holder {
  readonly token: number
  readonly purpose: string
  /** When its lease ends; 0: it let go. */
  readonly untilMs: number
}

const keyOf = (token: number) => `lock/${String(token).padStart(12, '0')}.json`

/** Ascending: the order of keys is that of numbers of one length. */
async function tokensIn(bucket: Bucket, context: CallContext): Promise<readonly number[]> {
  const tokens: number[] = []
  for await (const key of bucket.list('lock/', context))
    if (/^lock\/\d{12}\.json$/.test(key)) tokens.push(Number(key.slice(5, -5)))
  return tokens
}

/** One that cannot be read is held until somebody removes it: nobody is let in by damage. */
async function readHolder(bucket: Bucket, token: number, context: CallContext): Promise<Holder | undefined> {
  const bytes = await bucket.read(keyOf(token), context)
  if (bytes === undefined) return undefined
  let found: JsonObject = {}
  try {
    found = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject
  } catch {}
  const { purpose, untilMs } = found
  return {
    token,
    purpose: typeof purpose === 'string' ? purpose : 'unknown',
    untilMs: typeof untilMs === 'number' ? untilMs : Number.MAX_SAFE_INTEGER,
  }
}

const held = (bucket: Bucket, { token, purpose, untilMs }: Holder) =>
  new SheikhError(
    'locked',
    `Cannot take the lock in s3://${bucket.name}: another run holds it (${purpose}). Wait for it to end; should it be gone, its lock ends by itself, or remove "${keyOf(token)}".`,
    { facts: { token, purpose, untilMs }, retryable: true },
  )
