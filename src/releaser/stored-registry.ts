import { type CallContext, isSheikhError, type Json } from '../core/index.js'
import { type FileSystem, makeEmptyFolder } from '../store/index.js'
import { channelRecords } from './channel-records.js'
import { pendingOf } from './parse-release.js'
import { corruptRecord, notFound, pendingGone, pointedAt, unlessDamaged, versionTaken } from './registry-errors.js'
import { encodeDiscarded, encodePending, releaseRecords, type StoredRelease } from './release-records.js'
import type { Checksums, ReleaseStorage } from './release-storage.js'
import type { PendingRelease, Release, Releaser } from './releaser.js'
import { parseVersion } from './version.js'

/**
 * A registry over a storage. Readers use only the documents of releases, each of which appears completely or not at all. If
 * two writers race for a version or a channel, one gets `release-conflict`.
 */
export function storedRegistry(
  storage: ReleaseStorage,
  {
    name,
    describe,
    fileSystem,
  }: {
    readonly name: string
    describe(): Json
    /** Makes the folders that releases are opened into. @default the disk */
    readonly fileSystem?: FileSystem | undefined
  },
): Releaser {
  const records = releaseRecords(storage)
  const channels = channelRecords(storage)

  async function existing(version: string, context: CallContext): Promise<StoredRelease> {
    context.signal.throwIfAborted()
    const release = await records.release(version, context)
    if (release === undefined) throw notFound(version)
    return release
  }

  /**
   * Checks the files of a pending release.
   *
   * @returns false if the registry does not have the pending release. Another process may discard it during the check, so
   *   missing files are damage only if the pending release is still there.
   */
  async function isWhole(
    pending: PendingRelease,
    check: ReleaseStorage['verifyBundle'],
    context: CallContext,
  ): Promise<boolean> {
    try {
      await check(pending, await records.checksumsOf(pending, context), context)
    } catch (error) {
      if (!isSheikhError(error, 'artifact-corrupt') || (await records.isPending(pending, context))) throw error
    }
    return await records.isPending(pending, context)
  }

  return {
    contract: 1,
    name,
    version: '1',
    describe,

    async current(channel, context) {
      context.signal.throwIfAborted()
      const version = await channels.read(channel, context)
      if (version === undefined) return undefined
      const release = await records.release(version, context)
      if (release !== undefined) return releaseOf(release)
      throw corruptRecord(storage.addressOf(`channels/${channel}`), `it points at ${version}, which does not exist`)
    },

    async channels(context) {
      context.signal.throwIfAborted()
      return await channels.all(context)
    },

    async *history(context) {
      context.signal.throwIfAborted()
      for (const release of await records.releases(context)) yield releaseOf(release)
    },

    async prepare(request, context) {
      context.signal.throwIfAborted()
      const taken = await records.release(parseVersion(request.version), context)
      const pending = pendingOf(request)
      if (taken !== undefined && taken.bundle !== pending.bundle) throw versionTaken(pending.version)
      const { directory } = request.bundle
      const others = () => records.storedBundles(context)
      const encode = (checksums: Checksums) => encodePending(pending, checksums)
      await storage.putPending({ pending, directory, others, encode }, context)
      return pending
    },

    async *pending(context) {
      context.signal.throwIfAborted()
      // A release appears at once, so there is no state between pending and published.
      for (const { checksums: _, isDiscarded: __, ...pending } of await records.pendingReleases(context))
        yield { pending, publishing: false }
    },

    async verify(pending, context) {
      context.signal.throwIfAborted()
      if (!(await isWhole(pending, storage.verifyBundle, context))) throw pendingGone(pending.version)
    },

    async publish(pending, context) {
      context.signal.throwIfAborted()
      const checksums = await records.checksumsOf(pending, context)
      // An earlier release may have stored the same bundle years ago.
      const isFirst =
        (await records.release(pending.version, context)) === undefined &&
        (await isWhole(pending, storage.placeBundle, context))
      if (isFirst) {
        const sequence = ((await records.releases(context))[0]?.sequence ?? 0) + 1
        await records.createRelease({ ...pending, publishedAtMs: context.clock.nowMs(), checksums, sequence }, context)
      }
      const release = await records.release(pending.version, context)
      if (release === undefined) throw pendingGone(pending.version)
      if (release.bundle !== pending.bundle || release.record.runId !== pending.record.runId)
        throw versionTaken(pending.version)
      await storage.removePending(pending, context)
      return releaseOf(release)
    },

    async point(channel, version, expected, context) {
      await existing(version, context)
      await channels.point(channel, version, expected, context)
    },

    async discard(pending, context) {
      context.signal.throwIfAborted()
      const there = await unlessDamaged(records.pendingLike(pending, context), context)
      // Another run has prepared the same version and bundle since.
      if (there !== undefined && there.record.runId !== pending.record.runId) return
      // Marked before any file goes, so that a process that publishes it meanwhile can tell this from damage.
      if (there !== undefined) await storage.replacePending(pending, encodeDiscarded(pending), context)
      const isUsed = await records.isInUse(pending.bundle, context, pending)
      // An interrupted publication may have placed the bundle already. Remove it before the pending release, so that the next
      // run retries if this is interrupted too.
      if (!isUsed) await storage.removeBundle(pending.bundle, context)
      await storage.removePending(pending, context)
    },

    async withdraw(version, reason, context) {
      await existing(version, context)
      await records.mark('withdrawals', version, { reason, atMs: context.clock.nowMs() }, context)
    },

    async remove(version, context) {
      const { bundle } = await existing(version, context)
      if (Object.values(await channels.all(context)).includes(version)) throw pointedAt(version)
      // Write the mark first: after a crash only unused files remain, and the next removal deletes them.
      await records.mark('removals', version, { atMs: context.clock.nowMs() }, context)
      if (!(await records.isInUse(bundle, context))) await storage.removeBundle(bundle, context)
    },

    async open(version, directory, context) {
      const release = await existing(version, context)
      if (release.removedAtMs !== undefined) throw notFound(version)
      await makeEmptyFolder(directory, `open ${version} into`, fileSystem)
      await storage.openBundle(release, directory, context)
      return { digest: release.bundle, manifest: release.manifest, directory }
    },
  }
}

/** The release without the fields that only a storage needs. */
const releaseOf = ({ checksums: _, sequence: __, ...release }: StoredRelease): Release => release
