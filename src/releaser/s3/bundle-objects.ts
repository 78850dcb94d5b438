import { join } from 'node:path'
import {
  type CallContext,
  type Digest,
  type FileEntry,
  finishDigest,
  hexOf,
  SheikhError,
  startDigest,
} from '../../core/index.js'
import { type Bucket, isSameObject, uploadObject } from '../../store/bucket/index.js'
import type { Bundle, PendingRelease } from '../index.js'

/** The server's SHA-256 checksum of each file, by path. For a multipart upload it differs from the file's own SHA-256. */
export type Checksums = Readonly<Record<string, string>>

export type Files = ReturnType<typeof filesOf>

/** The largest object that a server copies within itself. */
const largestCopyBytes = 5 * 2 ** 30

/** Stores the files of bundles in a bucket as `bundles/<digest>/<path>`. */
export function filesOf(bucket: Bucket, progressOf: (file: FileEntry) => (sentBytes: number) => void) {
  const keyOf = (bundle: Digest, path: string) => `bundles/${hexOf(bundle)}/${path}`

  /** Compares the server's checksum. Reads the object back if the server has no checksum. */
  async function isWhole(key: string, file: FileEntry, checksum: string | undefined, context: CallContext) {
    const head = await bucket.head(key, context)
    if (head === undefined) return false
    return isSameObject(head, file, checksum) ?? (await digestOf(key, context)) === file.digest
  }

  async function digestOf(key: string, context: CallContext): Promise<Digest | undefined> {
    const answer = await bucket.stream(key, 'bytes=0-', context)
    // A range request for an empty object fails, because it has no first byte.
    const hash = startDigest()
    for await (const piece of answer?.body ?? []) {
      context.signal.throwIfAborted()
      hash.update(piece)
    }
    return finishDigest(hash)
  }

  return {
    /** Uploads the files that the bucket does not have. @returns the checksums that identify the files later. */
    async send(
      { digest, manifest, directory }: Bundle,
      {
        known,
        others,
      }: {
        readonly known: Checksums
        readonly others: readonly (PendingRelease & { readonly checksums: Checksums })[]
      },
      context: CallContext,
    ): Promise<Checksums> {
      const checksums: Record<string, string> = {}
      for (const file of manifest.files) {
        const { path } = file
        const key = keyOf(digest, path)
        const keep = (checksum: string | undefined) => {
          if (checksum !== undefined) checksums[path] = checksum
        }
        if (await isWhole(key, file, known[path], context)) keep(known[path])
        else if (!(await copied(file, key, others, keep, context)))
          keep(await uploadObject(bucket, key, join(directory, path), file, context, progressOf(file)))
      }
      return checksums
    },

    async areWhole({ bundle, manifest }: PendingRelease, checksums: Checksums, context: CallContext): Promise<boolean> {
      for (const file of manifest.files)
        if (!(await isWhole(keyOf(bundle, file.path), file, checksums[file.path], context))) return false
      return true
    },

    /** @throws `artifact-corrupt`. */
    async verify({ bundle, manifest }: PendingRelease, checksums: Checksums, context: CallContext): Promise<void> {
      for (const file of manifest.files) {
        const key = keyOf(bundle, file.path)
        if (await isWhole(key, file, checksums[file.path], context)) continue
        throw new SheikhError(
          'artifact-corrupt',
          `Cannot trust "${key}" in s3://${bucket.name}: it is missing or differs from the upload. Run again.`,
          { facts: { key, path: file.path } },
        )
      }
    },

    async remove(bundle: Digest, context: CallContext): Promise<void> {
      const under = keyOf(bundle, '')
      for await (const { key, uploadId } of bucket.startedParts(under, context))
        await bucket.abortParts(key, uploadId, context)
      const keys: string[] = []
      for await (const key of bucket.list(under, context)) keys.push(key)
      for (const key of keys) await bucket.remove(key, context)
    },

    /** A range of a file as an HTTP response. */
    async answer(bundle: Digest, { path }: FileEntry, range: string, context: CallContext): Promise<Response> {
      const found = await bucket.stream(keyOf(bundle, path), range, context)
      return found === undefined ? new Response(null, { status: 404 }) : new Response(found.body, found)
    },
  }

  /** Copies a file of another bundle on the server. */
  async function copied(
    file: FileEntry,
    key: string,
    others: readonly (PendingRelease & { readonly checksums: Checksums })[],
    keep: (checksum: string | undefined) => void,
    context: CallContext,
  ): Promise<boolean> {
    if (file.sizeBytes > largestCopyBytes) return false
    for (const { bundle, manifest, checksums } of others) {
      const same = manifest.files.find(({ digest }) => digest === file.digest)
      if (same === undefined) continue
      const from = keyOf(bundle, same.path)
      if (from === key || !(await isWhole(from, file, checksums[same.path], context))) continue
      if (!(await bucket.copy(from, key, context))) continue
      // The checksum of a copy covers the complete object, if the server computes one.
      const checksum = (await bucket.head(key, context))?.sha256
      if (!(await isWhole(key, file, checksums[same.path], context))) continue
      keep(checksum)
      return true
    }
    return false
  }
}
