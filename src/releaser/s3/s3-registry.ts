import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type FileEntry, hexOf, SheikhError } from '../../core/index.js'
import { type BucketOptions, openBucket } from '../../store/bucket/index.js'
import { makeDirectory } from '../../store/index.js'
import {
  type Bundle,
  checkedChannel,
  notFound,
  notHeld,
  type PendingRelease,
  type PrepareRequest,
  parseVersion,
  pointedAt,
  type Release,
  type Releaser,
  versionTaken,
} from '../index.js'
import { downloadFile } from '../remote/index.js'
import { bucketChannels } from './bucket-channels.js'
import { bucketRecords, corrupt, inUse, pendingKey } from './bucket-records.js'
import { type Checksums, type Files, filesOf } from './bundle-objects.js'

export interface S3RegistryOptions extends BucketOptions {
  /** Reports the progress of a file that is uploaded or downloaded, 0..1. */
  readonly onProgress?: ((progress: S3Progress) => void) | undefined
}

export interface S3Progress {
  readonly direction: 'upload' | 'download'
  readonly path: string
  readonly progress: number
}

/**
 * A registry in an Amazon S3 bucket, or on a compatible server with conditional writes (`If-None-Match`):
 * `bundles/<digest>/`, `pending/<version>-<digest>.json`, `releases/<version>.json`, `withdrawals/`, `removals/`,
 * `channels/<name>/<number>.json`. Readers use only `releases/`, where each object is created once and completely.
 * Files of earlier bundles are copied on the server. The pipeline's lock allows one writer at a time; if two writers race, one
 * gets `release-conflict`.
 *
 * @throws `invalid-options`; its methods also throw `missing-peer`, `access-denied`, `remote-failed` and `release-rejected`.
 */
export function s3Registry(options: S3RegistryOptions): Releaser {
  const bucket = openBucket(options)
  const records = bucketRecords(bucket)
  const channels = bucketChannels(bucket)
  const progressOf =
    (direction: S3Progress['direction'], { path, sizeBytes }: FileEntry) =>
    (bytes: number) =>
      options.onProgress?.({ direction, path, progress: sizeBytes === 0 ? 1 : bytes / sizeBytes })
  const files: Files = filesOf(bucket, (entry) => progressOf('upload', entry))

  async function prepareBundle(
    { bundle, version, postPublish, record }: PrepareRequest,
    context: CallContext,
  ): Promise<PendingRelease> {
    const pending: PendingRelease = {
      formatVersion: 1,
      version,
      bundle: bundle.digest,
      manifest: bundle.manifest,
      postPublish,
      record,
    }
    const pendingReleases = await records.pendingReleases(context)
    const releases = inUse(await records.releases(context))
    const others = [...releases, ...pendingReleases]
    const known = others.find((other) => other.bundle === bundle.digest)?.checksums ?? {}
    let checksums: Checksums
    if (bundle.directory !== undefined)
      checksums = await files.send({ ...bundle, directory: bundle.directory }, { known, others }, context)
    else {
      if (!(await files.areWhole(pending, known, context))) throw notHeld(bundle.digest)
      checksums = known
    }
    await records.writePending({ ...pending, checksums }, context)
    return pending
  }

  /** The checksums of a pending release. Without them, its files are read back. */
  const checksumsOf = async (pending: PendingRelease, context: CallContext): Promise<Checksums> =>
    (await records.pendingAt(pendingKey(pending), context))?.checksums ?? {}

  return {
    contract: 1,
    name: 's3',
    version: '1',
    describe: () => ({ address: options.address, endpoint: options.endpoint ?? null }),

    async current(name, context) {
      const { version } = await channels.read(checkedChannel(name), context)
      if (version === undefined) return undefined
      const release = await records.release(version, context)
      if (release === undefined) throw corrupt(`channels/${name}/`, `it points at ${version}, which does not exist`)
      return plain(release)
    },

    channels: (context) => channels.all(context),

    async *history(context) {
      for (const release of await records.releases(context)) yield plain(release)
    },

    async prepare(request, context) {
      const taken = await records.release(parseVersion(request.version), context)
      if (taken !== undefined && taken.bundle !== request.bundle.digest) throw versionTaken(request.version)
      return await prepareBundle(request, context)
    },

    async *pending(context) {
      // Objects appear in `releases/` atomically, so there is no state between pending and released.
      for (const { checksums: _, ...pending } of await records.pendingReleases(context))
        yield { pending, publishing: false }
    },

    async verify(pending, context) {
      await files.verify(pending, await checksumsOf(pending, context), context)
    },

    async publish(pending, context) {
      if ((await records.release(pending.version, context)) === undefined) {
        const checksums = await checksumsOf(pending, context)
        // An earlier release may have put the same bundle there years ago.
        await files.verify(pending, checksums, context)
        const sequence = ((await records.releases(context))[0]?.sequence ?? 0) + 1
        await records.createRelease({ ...pending, publishedAtMs: context.clock.nowMs(), checksums, sequence }, context)
      }
      const release = (await records.release(pending.version, context))!
      if (release.bundle !== pending.bundle || release.record.runId !== pending.record.runId)
        throw versionTaken(pending.version)
      await bucket.remove(pendingKey(pending), context)
      return plain(release)
    },

    async point(name, version, expected, context) {
      if ((await records.release(version, context)) === undefined) throw notFound(version)
      await channels.point(checkedChannel(name), version, expected, context)
    },

    async discard(pending, context) {
      const others = (await records.pendingReleases(context)).filter(
        (other) => pendingKey(other) !== pendingKey(pending),
      )
      const used = [...inUse(await records.releases(context)), ...others]
      // Before the pending release, so that the next run retries if this is interrupted.
      if (!used.some(({ bundle }) => bundle === pending.bundle)) await files.remove(pending.bundle, context)
      await bucket.remove(pendingKey(pending), context)
    },

    async withdraw(version, reason, context) {
      if ((await records.release(version, context)) === undefined) throw notFound(version)
      await records.mark('withdrawals', version, { reason, atMs: context.clock.nowMs() }, context)
    },

    async remove(version, context) {
      const release = await records.release(version, context)
      if (release === undefined) throw notFound(version)
      if (Object.values(await channels.all(context)).includes(version)) throw pointedAt(version)
      // Write the mark first: after a crash only unused objects remain, and the next removal deletes them.
      await records.mark('removals', version, { atMs: context.clock.nowMs() }, context)
      const used = [...inUse(await records.releases(context)), ...(await records.pendingReleases(context))]
      if (!used.some(({ bundle }) => bundle === release.bundle)) await files.remove(release.bundle, context)
    },

    async open(version, directory, context): Promise<Bundle> {
      const release = await records.release(version, context)
      if (release === undefined || release.removedAtMs !== undefined) throw notFound(version)
      await makeDirectory(directory)
      if ((await readdir(directory)).length > 0)
        throw new SheikhError(
          'invalid-options',
          `Cannot open ${version} into "${directory}": the folder is not empty. Name an empty folder.`,
        )
      const { manifest, bundle } = release
      for (const file of manifest.files)
        await downloadFile(
          {
            fetch: (_, init) => files.answer(bundle, file, new Headers(init?.headers).get('range') ?? '', context),
            request: () => ({ url: file.path }),
            file,
            target: join(directory, file.path),
            onProgress: progressOf('download', file),
            refuse: () => corrupt(`bundles/${hexOf(bundle)}/${file.path}`, 'it is missing'),
          },
          context,
        )
      return { digest: bundle, manifest, directory }
    },
  }
}

/** The release without fields that only this registry stores. */
const plain = ({
  checksums: _,
  sequence: __,
  ...release
}: Release & { readonly checksums: Checksums; readonly sequence: number }): Release => release
