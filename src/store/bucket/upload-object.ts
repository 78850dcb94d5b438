import { createHash, hash } from 'node:crypto'
import { type CallContext, type FileEntry, finishDigest, hexOf, SheikhError, startDigest } from '../../core/index.js'
import { type PlainFile, readAt, withPlainFile } from '../plain-file.js'
import type { Bucket, ObjectHead, UploadedPart } from './bucket.js'

/** Smallest part of a file that is sent in parts; a server takes at most 10,000. */
const smallestPartBytes = 16 * 2 ** 20
const mostParts = 10_000
/** Parts in memory and on their way. */
const partsAtOnce = 3

/**
 * Sends a file to a key: in one piece, or in parts, each with its SHA-256, which the server checks.
 *
 * @returns the SHA-256 that a server keeps of it, as `ObjectHead.sha256` has it.
 * @throws `artifact-corrupt` where the file is no longer what `entry` says; nothing is left under the key then.
 */
export async function uploadObject(
  bucket: Bucket,
  key: string,
  path: string,
  entry: FileEntry,
  context: CallContext,
  onProgress: (sentBytes: number) => void = () => {},
): Promise<string> {
  return await withPlainFile(path, async (file) => {
    if (file.sizeBytes !== entry.sizeBytes) throw changed(entry)
    if (file.sizeBytes <= smallestPartBytes) {
      const bytes = new Uint8Array(file.sizeBytes)
      await readAt(file, 0, bytes)
      const sha256 = base64Sha256(bytes)
      if (sha256 !== base64Of(entry)) throw changed(entry)
      await bucket.put(key, bytes, context, sha256)
      onProgress(file.sizeBytes)
      return sha256
    }
    const uploadId = await bucket.startParts(key, context)
    try {
      const parts = await sendParts(bucket, { key, uploadId, file, entry, onProgress }, context)
      await bucket.endParts(key, uploadId, parts, context)
      return compositeOf(parts)
    } catch (error) {
      // What ended the upload is what is told, whether or not its parts can be removed now.
      await bucket.abortParts(key, uploadId, { ...context, signal: AbortSignal.timeout(10_000) }).catch(() => {})
      throw error
    }
  })
}

/**
 * Whether the server's own digest says that an object is this file; `undefined`: only its bytes can say. Makers differ in
 * what they tell of an object that was sent in parts, so a digest that is not as expected decides nothing.
 */
export function isSameObject(
  { sizeBytes, sha256 }: ObjectHead,
  entry: Pick<FileEntry, 'digest' | 'sizeBytes'>,
  composite?: string,
): boolean | undefined {
  if (sizeBytes !== entry.sizeBytes) return false
  return sha256 !== undefined && (sha256 === base64Of(entry) || sha256 === composite) ? true : undefined
}

async function sendParts(
  bucket: Bucket,
  {
    key,
    uploadId,
    file,
    entry,
    onProgress,
  }: {
    readonly key: string
    readonly uploadId: string
    readonly file: PlainFile
    readonly entry: FileEntry
    readonly onProgress: (sentBytes: number) => void
  },
  context: CallContext,
): Promise<readonly UploadedPart[]> {
  const partBytes = Math.max(smallestPartBytes, Math.ceil(file.sizeBytes / mostParts / 2 ** 20) * 2 ** 20)
  const whole = startDigest()
  const parts: UploadedPart[] = []
  const failing = new AbortController()
  const sending = { ...context, signal: AbortSignal.any([context.signal, failing.signal]) }
  const onTheWay = new Set<Promise<void>>()
  let sentBytes = 0
  try {
    for (let number = 1, position = 0; position < file.sizeBytes; number += 1, position += partBytes) {
      sending.signal.throwIfAborted()
      const bytes = new Uint8Array(Math.min(partBytes, file.sizeBytes - position))
      await readAt(file, position, bytes)
      whole.update(bytes)
      const sent = bucket.putPart({ key, uploadId, number, bytes, sha256: base64Sha256(bytes) }, sending).then(
        (part) => {
          parts[number - 1] = part
          sentBytes += bytes.length
          onProgress(sentBytes)
        },
        (error: unknown) => failing.abort(error),
      )
      const tracked = sent.finally(() => onTheWay.delete(tracked))
      onTheWay.add(tracked)
      if (onTheWay.size >= partsAtOnce) await Promise.race(onTheWay)
    }
  } finally {
    await Promise.all(onTheWay)
  }
  sending.signal.throwIfAborted()
  if (finishDigest(whole) !== entry.digest) throw changed(entry)
  return parts
}

const base64Sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'base64')
const base64Of = ({ digest }: Pick<FileEntry, 'digest'>) => Buffer.from(hexOf(digest), 'hex').toString('base64')

/** Amazon S3 User Guide, "Checking object integrity", composite checksums: the digest of the parts' digests, and their number. */
function compositeOf(parts: readonly UploadedPart[]): string {
  const digests = createHash('sha256')
  for (const { sha256 } of parts) digests.update(sha256, 'base64')
  return `${digests.digest('base64')}-${parts.length}`
}

const changed = ({ path }: FileEntry) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot send "${path}": it is no longer the file that was judged. Run again, and let nothing write there meanwhile.`,
    { facts: { path } },
  )
