import { type CallContext, type Digest, hexOf, inParallel, type Json } from '../core/index.js'
import { parsePending, parseRelease } from './parse-release.js'
import { corruptRecord, unlessDamaged } from './registry-errors.js'
import type { Checksums, ReleaseStorage, StoredBundle } from './release-storage.js'
import type { PendingRelease, Release, Version } from './releaser.js'
import { isVersion } from './version.js'

/** `isDiscarded`: a process removes its files. If that process was interrupted, the next run discards the release again. */
export type StoredPending = PendingRelease & { readonly checksums: Checksums; readonly isDiscarded: boolean }
/** `sequence` is the publication order. Timestamps are not reliable: clocks jump. */
export type StoredRelease = Release & { readonly checksums: Checksums; readonly sequence: number }

/** The number of documents that are read in parallel. */
const readsAtOnce = 8

export const pendingName = ({ version, bundle }: Pick<PendingRelease, 'version' | 'bundle'>): string =>
  `pending/${version}-${hexOf(bundle)}.json`

const encode = (document: unknown) => `${JSON.stringify(document, null, 2)}\n`
const withChecksums = (checksums: Checksums) => (Object.keys(checksums).length === 0 ? {} : { checksums })

/** The document of a pending release. */
export const encodePending = (pending: PendingRelease, checksums: Checksums): string =>
  encode({ ...pending, ...withChecksums(checksums) })

/** The document of a pending release while its files are removed. */
export const encodeDiscarded = (pending: PendingRelease): string => encode({ ...pending, isDiscarded: true })

/** The documents of releases, pending releases, withdrawals and removals in a storage. */
export function releaseRecords(storage: ReleaseStorage) {
  const corrupt = (name: string, fact: string) => corruptRecord(storage.addressOf(name), fact)

  async function markOf(kind: 'withdrawals' | 'removals', version: Version, context: CallContext) {
    const name = `${kind}/${version}.json`
    const found = await readDocument(storage, name, context)
    if (found === undefined) return undefined
    const { reason, atMs } = (found ?? {}) as { readonly reason?: unknown; readonly atMs?: unknown }
    if (typeof atMs !== 'number') throw corrupt(name, 'it has no time')
    return { reason, atMs, name }
  }

  async function marksOf(version: Version, context: CallContext): Promise<Pick<Release, 'withdrawn' | 'removedAtMs'>> {
    const withdrawal = await markOf('withdrawals', version, context)
    const removal = await markOf('removals', version, context)
    if (withdrawal !== undefined && typeof withdrawal.reason !== 'string')
      throw corrupt(withdrawal.name, 'it has no reason')
    return {
      ...(withdrawal && { withdrawn: { reason: withdrawal.reason as string, atMs: withdrawal.atMs } }),
      ...(removal && { removedAtMs: removal.atMs }),
    }
  }

  function checksumsIn(document: Json, name: string): Checksums {
    const { checksums = {} } = document as { readonly checksums?: unknown }
    const isValid =
      typeof checksums === 'object' &&
      checksums !== null &&
      Object.values(checksums).every((value) => typeof value === 'string')
    if (!isValid) throw corrupt(name, 'its checksums are not strings')
    return checksums as Checksums
  }

  async function release(version: Version, context: CallContext): Promise<StoredRelease | undefined> {
    const name = `releases/${version}.json`
    // Anything but a version could name another document.
    const document = isVersion(version) ? await readDocument(storage, name, context) : undefined
    if (document === undefined) return undefined
    const found = parseRelease(document, storage.addressOf(name))
    const { sequence } = document as { readonly sequence?: unknown }
    if (found.version !== version) throw corrupt(name, `it describes ${found.version}`)
    if (!Number.isSafeInteger(sequence)) throw corrupt(name, 'it has no sequence')
    const checksums = checksumsIn(document, name)
    return { ...found, ...(await marksOf(version, context)), checksums, sequence: sequence as number }
  }

  async function pendingAt(name: string, context: CallContext): Promise<StoredPending | undefined> {
    const document = await readDocument(storage, name, context)
    if (document === undefined) return undefined
    const pending = parsePending(document, storage.addressOf(name))
    if (pendingName(pending) !== name) throw corrupt(name, `it describes ${pending.version}`)
    const { isDiscarded } = document as { readonly isDiscarded?: unknown }
    return { ...pending, checksums: checksumsIn(document, name), isDiscarded: isDiscarded === true }
  }

  async function readAll<V>(
    folder: string,
    read: (name: string) => Promise<V | undefined>,
    context: CallContext,
  ): Promise<readonly V[]> {
    const names = (await storage.list(folder, context)).filter((name) => name.endsWith('.json'))
    const found = await inParallel(names, readsAtOnce, read)
    // A document may disappear between the listing and the reading.
    return found.filter((document) => document !== undefined)
  }

  async function releases(context: CallContext): Promise<readonly StoredRelease[]> {
    const read = (name: string) => release(name.slice('releases/'.length, -'.json'.length), context)
    const found = await readAll('releases', read, context)
    return [...found].sort((left, right) => right.sequence - left.sequence)
  }

  /** A damaged one is logged and left out. */
  const pendingReleases = (context: CallContext) =>
    readAll('pending', (name) => unlessDamaged(pendingAt(name, context), context), context)

  const keptReleases = async (context: CallContext) =>
    (await releases(context)).filter(({ removedAtMs }) => removedAtMs === undefined)

  return {
    release,
    /** Newest first. */
    releases,
    pendingReleases,

    /** The pending release with this version and bundle, perhaps of another run. */
    pendingLike: (pending: PendingRelease, context: CallContext) => pendingAt(pendingName(pending), context),

    /** Whether the storage has the pending release of this run, and no process discards it. */
    async isPending(pending: PendingRelease, context: CallContext): Promise<boolean> {
      const found = await pendingAt(pendingName(pending), context)
      return found !== undefined && !found.isDiscarded && found.record.runId === pending.record.runId
    },

    /** The checksums of a pending release. Empty if it is gone, or if the storage has none. */
    async checksumsOf(pending: PendingRelease, context: CallContext): Promise<Checksums> {
      if (!storage.hasChecksums) return {}
      return (await pendingAt(pendingName(pending), context))?.checksums ?? {}
    },

    /** The bundles of releases and pending releases. */
    async storedBundles(context: CallContext): Promise<readonly StoredBundle[]> {
      // Pending releases first: one that is published meanwhile is in one of the two lists.
      const pending = await pendingReleases(context)
      return [...(await keptReleases(context)), ...pending]
    },

    /** Whether a release or a pending release needs a bundle, except the pending release `except`. */
    async isInUse(bundle: Digest, context: CallContext, except?: PendingRelease): Promise<boolean> {
      // By their names: a pending release with a damaged record needs its bundle, too. Listed first, as above.
      const names = (await storage.list('pending', context)).filter((name) => name.endsWith(`-${hexOf(bundle)}.json`))
      if (names.some((name) => except === undefined || name !== pendingName(except))) return true
      return (await keptReleases(context)).some((release) => release.bundle === bundle)
    },

    /** @returns false if the version is taken. */
    createRelease: ({ checksums, ...made }: StoredRelease, context: CallContext): Promise<boolean> =>
      storage.createExclusively(
        `releases/${made.version}.json`,
        encode({ ...made, ...withChecksums(checksums) }),
        context,
      ),

    /** Keeps the first document of its kind. */
    async mark(
      kind: 'withdrawals' | 'removals',
      version: Version,
      mark: Readonly<Record<string, Json>>,
      context: CallContext,
    ): Promise<void> {
      await storage.createExclusively(
        `${kind}/${version}.json`,
        encode({ formatVersion: 1, version, ...mark }),
        context,
      )
    },
  }
}

/** Reads a JSON document; `undefined` if it does not exist. @throws `artifact-corrupt`. */
export async function readDocument(
  storage: ReleaseStorage,
  name: string,
  context: CallContext,
): Promise<Json | undefined> {
  context.signal.throwIfAborted()
  const text = await storage.read(name, context)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw corruptRecord(storage.addressOf(name), 'it is not JSON', error)
  }
}
