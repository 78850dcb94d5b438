import { type CallContext, hexOf, inParallel, type Json, SheikhError } from '../../core/index.js'
import type { Bucket } from '../../store/bucket/index.js'
import { isVersion, type PendingRelease, parsePending, parseRelease, type Release } from '../index.js'
import type { Checksums } from './bundle-objects.js'

export type StoredPending = PendingRelease & { readonly checksums: Checksums }
/** `sequence` is the publication order. Timestamps are not reliable: clocks jump. */
export type StoredRelease = Release & { readonly checksums: Checksums; readonly sequence: number }

const readsAtOnce = 8

export const pendingKey = ({ version, bundle }: Pick<PendingRelease, 'version' | 'bundle'>): string =>
  `pending/${version}-${hexOf(bundle)}.json`

export const inUse = (releases: readonly StoredRelease[]): readonly StoredRelease[] =>
  releases.filter(({ removedAtMs }) => removedAtMs === undefined)

/** The JSON documents of a registry in a bucket. */
export function bucketRecords(bucket: Bucket) {
  async function document(key: string, context: CallContext): Promise<Json | undefined> {
    const bytes = await bucket.read(key, context)
    if (bytes === undefined) return undefined
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json
    } catch (error) {
      throw corrupt(key, 'it is not JSON', error)
    }
  }

  async function markOf(kind: 'withdrawals' | 'removals', version: string, context: CallContext) {
    const key = `${kind}/${version}.json`
    const found = await document(key, context)
    if (found === undefined) return undefined
    const { reason, atMs } = (found ?? {}) as { readonly reason?: unknown; readonly atMs?: unknown }
    if (typeof atMs !== 'number') throw corrupt(key, 'it has no time')
    return { reason, atMs }
  }

  async function release(version: string, context: CallContext): Promise<StoredRelease | undefined> {
    // Anything but a version could name another object.
    const key = `releases/${version}.json`
    const found = isVersion(version) ? await document(key, context) : undefined
    if (found === undefined) return undefined
    const parsed = parseRelease(found, key)
    const { sequence } = found as { readonly sequence?: unknown }
    if (parsed.version !== version) throw corrupt(key, `it describes ${parsed.version}`)
    if (!Number.isSafeInteger(sequence)) throw corrupt(key, 'it has no sequence')
    const withdrawn = await markOf('withdrawals', version, context)
    const removed = await markOf('removals', version, context)
    return {
      ...parsed,
      ...(withdrawn && { withdrawn: { reason: String(withdrawn.reason ?? ''), atMs: withdrawn.atMs } }),
      ...(removed && { removedAtMs: removed.atMs }),
      checksums: checksumsIn(found, key),
      sequence: sequence as number,
    }
  }

  async function pendingAt(key: string, context: CallContext): Promise<StoredPending | undefined> {
    const found = await document(key, context)
    if (found === undefined) return undefined
    const pending = parsePending(found, key)
    if (pendingKey(pending) !== key) throw corrupt(key, `it describes ${pending.version}`)
    return { ...pending, checksums: checksumsIn(found, key) }
  }

  const keysUnder = async (prefix: string, context: CallContext): Promise<readonly string[]> => {
    const keys: string[] = []
    for await (const key of bucket.list(prefix, context)) if (key.endsWith('.json')) keys.push(key)
    return keys
  }

  return {
    release,
    pendingAt,

    /** Newest first. */
    async releases(context: CallContext): Promise<readonly StoredRelease[]> {
      const keys = await keysUnder('releases/', context)
      const found = await inParallel(keys, readsAtOnce, (key) =>
        release(key.slice('releases/'.length, -'.json'.length), context),
      )
      return found.filter((one) => one !== undefined).sort((left, right) => right.sequence - left.sequence)
    },

    async pendingReleases(context: CallContext): Promise<readonly StoredPending[]> {
      const found = await inParallel(await keysUnder('pending/', context), readsAtOnce, (key) =>
        pendingAt(key, context),
      )
      return found.filter((one) => one !== undefined)
    },

    /** Written last: it completes the pending release. */
    writePending: (pending: StoredPending, context: CallContext) =>
      bucket.put(pendingKey(pending), encode(pending as unknown as Json), context),

    createRelease: (made: StoredRelease, context: CallContext) =>
      bucket.create(`releases/${made.version}.json`, encode(made as unknown as Json), context),

    /** Keeps the first document of its kind. */
    mark: (
      kind: 'withdrawals' | 'removals',
      version: string,
      mark: Readonly<Record<string, Json>>,
      context: CallContext,
    ) => bucket.create(`${kind}/${version}.json`, encode({ formatVersion: 1, version, ...mark }), context),
  }
}

function checksumsIn(document: Json, key: string): Checksums {
  const { checksums = {} } = document as { readonly checksums?: unknown }
  const isSound =
    typeof checksums === 'object' &&
    checksums !== null &&
    Object.values(checksums).every((value) => typeof value === 'string')
  if (!isSound) throw corrupt(key, 'its checksums are not strings')
  return checksums as Checksums
}

const encode = (document: Json) => new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`)

export const corrupt = (key: string, fact: string, cause?: unknown) =>
  new SheikhError('artifact-corrupt', `Cannot read "${key}" in the bucket: ${fact}. Restore it from a backup.`, {
    facts: { key },
    ...(cause !== undefined && { cause }),
  })
