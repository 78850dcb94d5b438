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

/** By path: the SHA-256 that the server keeps of a file, which for one sent in parts is not the file's own. */
export type Checksums = Readonly<Record<string, string>>

export type Files = ReturnType<typeof filesOf>

/** A server copies an object within itself up to here. */
const largestCopyBytes = 5 * 2 ** 30

/** The files of bundles in a bucket: `bundles/<digest>/<path>`. */
export function filesOf(bucket: Bucket, progressOf: (file: FileEntry) => (sentBytes: number) => void) {
  const keyOf = (bundle: Digest, path: string) => `bundles/${hexOf(bundle)}/${path}`

  /** What the server's own digest says; where it keeps none, the bytes are read back. */
  async function isWhole(key: string, file: FileEntry, checksum: string | undefined, context: CallContext) {
    const head = await bucket.head(key, context)
    if (head === undefined) return false
    return isSameObject(head, file, checksum) ?? (await digestOf(key, context)) === file.digest
  }

  async function digestOf(key: string, context: CallContext): Promise<Digest | undefined> {
    const answer = await bucket.stream(key, 'bytes=0-', context)
    // Of an empty object there is no first byte to ask for.
    const hash = startDigest()
    for await (const piece of answer?.body ?? []) {
      context.signal.throwIfAborted()
      hash.update(piece)
    }
    return finishDigest(hash)
  }

  return {
    /** Sends what the bucket does not have. @returns the checksums that tell the files later. */
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
          `Cannot trust "${key}" in s3://${bucket.name}: it is missing, or not what was sent. Run again.`,
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

    /** A range of a file, as an answer of HTTP. */
    async answer(bundle: Digest, { path }: FileEntry, range: string, context: CallContext): Promise<Response> {
      const found = await bucket.stream(keyOf(bundle, path), range, context)
      return found === undefined ? new Response(null, { status: 404 }) : new Response(found.body, found)
    },
  }

  /** A file that another bundle has is copied within the server. */
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
      // A copy's digest is of the whole, where the server makes one.
      const checksum = (await bucket.head(key, context))?.sha256
      if (!(await isWhole(key, file, checksums[same.path], context))) continue
      keep(checksum)
      return true
    }
    return false
  }
}
