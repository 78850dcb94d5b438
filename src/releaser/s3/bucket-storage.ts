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
import {
  type Checksums,
  corruptRecord,
  notHeld,
  type PendingRelease,
  pendingName,
  type ReleaseStorage,
  type StoredBundle,
} from '../index.js'
import { downloadFile } from '../remote/index.js'

/** The largest object that a server copies within itself. */
const largestCopyBytes = 5 * 2 ** 30

export type FileProgress = (direction: 'upload' | 'download', file: FileEntry) => (bytes: number) => void

/**
 * Documents and bundles in a bucket, the files of bundles as `bundles/<digest>/<path>`. A checksum is the server's SHA-256 of
 * an object. For a multipart upload it differs from the file's own SHA-256.
 */
export function bucketStorage(bucket: Bucket, progressOf: FileProgress): ReleaseStorage {
  const addressOf = (name: string) => `s3://${bucket.name}/${name}`
  const keyOf = (bundle: Digest, path: string) => `bundles/${hexOf(bundle)}/${path}`

  /** Compares the server's checksum. Reads the object back if the server has no checksum. */
  async function isWhole(key: string, file: FileEntry, checksum: string | undefined, context: CallContext) {
    const head = await bucket.head(key, context)
    if (head === undefined) return false
    return isSameObject(head, file, checksum) ?? (await digestOf(key, context)) === file.digest
  }

  async function digestOf(key: string, context: CallContext): Promise<Digest> {
    const answer = await bucket.stream(key, 'bytes=0-', context)
    // A range request for an empty object fails, because it has no first byte.
    const hash = startDigest()
    for await (const piece of answer?.body ?? []) {
      context.signal.throwIfAborted()
      hash.update(piece)
    }
    return finishDigest(hash)
  }

  /** The first file that is missing or differs from the manifest. */
  async function damagedFile({ bundle, manifest, checksums }: StoredBundle, context: CallContext) {
    for (const file of manifest.files)
      if (!(await isWhole(keyOf(bundle, file.path), file, checksums[file.path], context))) return file
    return undefined
  }

  /** Copies a file of another bundle on the server. @returns the checksum of the copy; `undefined` if nothing was copied. */
  async function copied(
    file: FileEntry,
    key: string,
    others: readonly StoredBundle[],
    context: CallContext,
  ): Promise<{ readonly checksum: string | undefined } | undefined> {
    if (file.sizeBytes > largestCopyBytes) return undefined
    for (const { bundle, manifest, checksums } of others) {
      const same = manifest.files.find(({ digest }) => digest === file.digest)
      if (same === undefined) continue
      const from = keyOf(bundle, same.path)
      if (from === key || !(await isWhole(from, file, checksums[same.path], context))) continue
      if (!(await bucket.copy(from, key, context))) continue
      // The checksum of a copy covers the complete object, if the server computes one.
      const checksum = (await bucket.head(key, context))?.sha256
      if (await isWhole(key, file, checksums[same.path], context)) return { checksum }
    }
    return undefined
  }

  /** Uploads the files that the bucket does not have. @returns the checksums that identify the files later. */
  async function send(
    { bundle, manifest }: PendingRelease,
    directory: string,
    known: Checksums,
    others: readonly StoredBundle[],
    context: CallContext,
  ): Promise<Checksums> {
    const checksums: Record<string, string> = {}
    for (const file of manifest.files) {
      const { path } = file
      const key = keyOf(bundle, path)
      const { checksum } = (await isWhole(key, file, known[path], context))
        ? { checksum: known[path] }
        : ((await copied(file, key, others, context)) ?? {
            checksum: await uploadObject(bucket, key, join(directory, path), file, context, progressOf('upload', file)),
          })
      if (checksum !== undefined) checksums[path] = checksum
    }
    return checksums
  }

  async function verifyBundle(pending: PendingRelease, checksums: Checksums, context: CallContext): Promise<void> {
    const damaged = await damagedFile({ ...pending, checksums }, context)
    if (damaged === undefined) return
    const key = keyOf(pending.bundle, damaged.path)
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot trust "${key}" in s3://${bucket.name}: it is missing or differs from the upload. Run again.`,
      { facts: { key, path: damaged.path } },
    )
  }

  return {
    hasChecksums: true,
    addressOf,

    async read(name, context) {
      const bytes = await bucket.read(name, context)
      try {
        return bytes && new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      } catch (error) {
        throw corruptRecord(addressOf(name), 'it is not UTF-8', error)
      }
    },

    async list(folder, context) {
      const names: string[] = []
      for await (const key of bucket.list(`${folder}/`, context)) names.push(key)
      return names
    },

    createExclusively: (name, text, context) => bucket.create(name, new TextEncoder().encode(text), context),

    async putPending({ pending, directory, others, encode }, context) {
      const stored = await others()
      const known = stored.find(({ bundle }) => bundle === pending.bundle)?.checksums ?? {}
      if (directory === undefined && (await damagedFile({ ...pending, checksums: known }, context)) !== undefined)
        throw notHeld(pending.bundle)
      const checksums = directory === undefined ? known : await send(pending, directory, known, stored, context)
      await bucket.put(pendingName(pending), new TextEncoder().encode(encode(checksums)), context)
    },

    replacePending: (pending, text, context) =>
      bucket.put(pendingName(pending), new TextEncoder().encode(text), context),

    removePending: (pending, context) => bucket.remove(pendingName(pending), context),

    verifyBundle,
    // A bundle is uploaded to its final place.
    placeBundle: verifyBundle,

    async openBundle({ bundle, manifest }, directory, context) {
      for (const file of manifest.files) {
        const key = keyOf(bundle, file.path)
        await downloadFile(
          {
            async fetch(_, init) {
              const found = await bucket.stream(key, new Headers(init?.headers).get('range') ?? '', context)
              return found === undefined ? new Response(null, { status: 404 }) : new Response(found.body, found)
            },
            request: () => ({ url: file.path }),
            file,
            target: join(directory, file.path),
            onProgress: progressOf('download', file),
            refuse: () => corruptRecord(addressOf(key), 'it is missing'),
          },
          context,
        )
      }
    },

    async removeBundle(bundle, context) {
      const under = keyOf(bundle, '')
      for await (const { key, uploadId } of bucket.startedParts(under, context))
        await bucket.abortParts(key, uploadId, context)
      const keys: string[] = []
      for await (const key of bucket.list(under, context)) keys.push(key)
      for (const key of keys) await bucket.remove(key, context)
    },
  }
}
