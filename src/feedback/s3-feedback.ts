import { randomBytes } from 'node:crypto'
import { type CallContext, inParallel, isSheikhError, type Json, SheikhError } from '../core/index.js'
import { type BucketOptions, openBucket } from '../store/bucket/index.js'
import { queueByName } from '../store/index.js'
import { checkEntries, corrupt, isInRange, newEntries, parseEntry } from './entry-shape.js'
import type { FeedbackEntry, FeedbackStore } from './feedback.js'

/**
 * Keeps feedback in an S3-compatible bucket. An append is one object with the next number, made only if no other process
 * made it; the server must have conditional writes. A process reads all objects once and keeps the ids in memory, about
 * 100 bytes each, so set a large `flushMs` for a busy server.
 *
 * Erasing replaces objects. A bucket with versions, replication or a retention lock keeps the earlier bytes: delete old
 * versions by a lifecycle rule. Several processes may erase at once if the server has `If-Match` (Amazon's has); with
 * others, erase from one process at a time.
 *
 * @throws `invalid-options`; from its methods `storage-failed`, `artifact-corrupt`, and `missing-peer`, `access-denied`
 * or `release-rejected` if the bucket cannot be used.
 */
export function s3Feedback(options: BucketOptions): FeedbackStore {
  const bucket = openBucket(options)
  const queue = queueByName()
  const inOrder = <T>(work: () => Promise<T>) => queue('store', work)
  /** The number of the object that has an id. */
  const places = new Map<string, number>()
  let read = 0

  async function entriesIn(number: number, context: CallContext): Promise<readonly FeedbackEntry[]> {
    const bytes = await bucket.read(keyOf(number), context)
    // A person removed it.
    return bytes === undefined ? [] : entriesOf(number, bytes)
  }

  function entriesOf(number: number, bytes: Uint8Array): readonly FeedbackEntry[] {
    const where = `s3://${bucket.name}/${keyOf(number)}`
    let value: Json
    try {
      value = JSON.parse(new TextDecoder().decode(bytes)) as Json
    } catch {
      throw corrupt(where, 'it is not JSON')
    }
    if (!Array.isArray(value)) throw corrupt(where, 'it is not a list')
    return value.map((one) => parseEntry(one as Json, where))
  }

  /** @param after only the numbers behind this one. */
  async function numbers(context: CallContext, after: number): Promise<readonly number[]> {
    const found: number[] = []
    for await (const key of bucket.list(folder, context, keyOf(after))) {
      const number = Number(/^(\d{12})\.json$/.exec(key.slice(folder.length))?.[1])
      if (Number.isSafeInteger(number)) found.push(number)
    }
    return found
  }

  /** Reads what other processes added. */
  async function refresh(context: CallContext): Promise<void> {
    // From the last one on: a question about an unknown id must not list all objects.
    const added = (await numbers(context, read)).filter((number) => number > read)
    const lists = await inParallel(added, readsAtOnce, (number) => entriesIn(number, context))
    for (const [index, number] of added.entries()) {
      for (const { id } of lists[index]!) places.set(id, number)
      read = number
    }
  }

  /** Another process may erase other entries of the object at the same time, so the object is read again if it changed. */
  async function eraseIn(number: number, wanted: ReadonlySet<string>, context: CallContext): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const found = await bucket.readState(keyOf(number), context)
      if (found === undefined) return
      const entries = entriesOf(number, found.bytes)
      const left = entries.filter(({ id }) => !wanted.has(id))
      if (left.length === entries.length) return
      const bytes = new TextEncoder().encode(JSON.stringify(left))
      if (await bucket.replace(keyOf(number), bytes, found.state, context)) return
      if (attempt >= mostAttempts)
        throw new SheikhError(
          'storage-failed',
          `Cannot erase entries in s3://${bucket.name}/${keyOf(number)}: other processes changed the object ${attempt + 1} times. Try again later.`,
          { retryable: true },
        )
    }
  }

  const failing = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      if (!isSheikhError(error, 'remote-failed')) throw error
      throw new SheikhError('storage-failed', error.message, { facts: error.facts, cause: error, retryable: true })
    }
  }

  return {
    append: (entries, context) =>
      failing(
        inOrder(async () => {
          context.signal.throwIfAborted()
          checkEntries(entries)
          for (;;) {
            const added = await newEntries(entries, (id) => places.has(id))
            if (added.length === 0) return 0
            const bytes = new TextEncoder().encode(JSON.stringify(added))
            if (await bucket.create(keyOf(read + 1), bytes, context)) {
              read += 1
              for (const { id } of added) places.set(id, read)
              return added.length
            }
            // Another process made this object. What it added is known now.
            await refresh(context)
          }
        }),
      ),
    async *read(range, context) {
      for (const number of await failing(numbers(context, 0)))
        for (const entry of await failing(entriesIn(number, context))) if (isInRange(entry, range)) yield entry
    },
    prediction: (id, context) =>
      failing(
        inOrder(async () => {
          if (!places.has(id)) await refresh(context)
          const number = places.get(id)
          if (number === undefined) return undefined
          const entry = (await entriesIn(number, context)).find((one) => one.id === id)
          return entry?.kind === 'prediction' ? entry : undefined
        }),
      ),
    erase: (ids, context) =>
      failing(
        inOrder(async () => {
          await refresh(context)
          const wanted = new Set(ids)
          const touched = new Set(ids.flatMap((id) => places.get(id) ?? []))
          for (const number of touched) await eraseIn(number, wanted, context)
          for (const id of ids) places.delete(id)
        }),
      ),
    secret: (context) =>
      failing(
        (async () => {
          const key = 'feedback-secret'
          await bucket.create(key, new TextEncoder().encode(randomBytes(32).toString('hex')), context)
          const secret = new TextDecoder().decode((await bucket.read(key, context)) ?? new Uint8Array())
          if (/^[0-9a-f]{64}$/.test(secret)) return secret
          throw corrupt(`s3://${bucket.name}/${key}`, 'it is not 64 hexadecimal digits')
        })(),
      ),
  }
}

const folder = 'feedback/'
const readsAtOnce = 16
const mostAttempts = 20
const keyOf = (number: number) => `${folder}${String(number).padStart(12, '0')}.json`
