import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  digestBytes,
  type FileEntry,
  hexOf,
  type Manifest,
  parseManifest,
} from '../../core/index.js'
import { makeDirectory, writeStreamAtomic } from '../atomic-files.js'
import { type Bucket, isSameObject, uploadObject } from '../bucket/index.js'
import { readManifest } from '../read-manifest.js'
import { notDirectory, objectCorrupt, objectMissing, targetNotEmpty } from '../records.js'
import { isAbsent, storageFailed } from '../storage-failed.js'
import type { ObjectStore } from '../store.js'

/** Objects by digest: `objects/sha256/<digest>`. One whose bytes are not its name is removed, so that a rerun makes it anew. */
export function s3Objects(bucket: Bucket, quiet: CallContext): ObjectStore {
  const keyOf = (digest: Digest) => `objects/sha256/${hexOf(digest)}`

  async function get(digest: Digest, context: CallContext): Promise<Uint8Array> {
    const bytes = await bucket.read(keyOf(digest), context)
    if (bytes === undefined) throw objectMissing(digest)
    if (digestBytes(bytes) !== digest) throw await corrupt(digest, context)
    return bytes
  }

  async function put(bytes: Uint8Array, context: CallContext): Promise<Digest> {
    context.signal.throwIfAborted()
    const digest = digestBytes(bytes)
    const sha256 = Buffer.from(hexOf(digest), 'hex').toString('base64')
    if (!(await holds({ path: '', digest, sizeBytes: bytes.length }, context)))
      await bucket.put(keyOf(digest), bytes, context, sha256)
    return digest
  }

  async function manifest(digest: Digest, context: CallContext): Promise<Manifest> {
    const bytes = await get(digest, context)
    try {
      return parseManifest(JSON.parse(Buffer.from(bytes).toString('utf8')))
    } catch (error) {
      throw notDirectory(digest, error)
    }
  }

  /** Where the server does not say, whoever reads the object will tell. */
  async function holds(file: FileEntry, context: CallContext): Promise<boolean> {
    const head = await bucket.head(keyOf(file.digest), context)
    return head !== undefined && isSameObject(head, file) !== false
  }

  async function corrupt(digest: Digest, context: CallContext): Promise<Error> {
    await bucket.remove(keyOf(digest), context)
    return objectCorrupt(digest, 'its bytes are others')
  }

  async function getFile({ path, digest }: FileEntry, target: string, context: CallContext): Promise<void> {
    const answer = await bucket.stream(keyOf(digest), 'bytes=0-', context)
    const found = await writeStreamAtomic(join(target, path), answer?.body ?? [], context, { expected: digest })
    if (found === digest) return
    throw answer === undefined ? objectMissing(digest) : await corrupt(digest, context)
  }

  return {
    get,
    put,
    manifest,
    has: async (digest) => (await bucket.head(keyOf(digest), quiet)) !== undefined,

    async putDirectory(directory, context, { manifest: known } = {}) {
      const content = known ?? (await readManifest(directory, context))
      for (const file of content.files)
        if (!(await holds(file, context)))
          await uploadObject(bucket, keyOf(file.digest), join(directory, file.path), file, context)
      return await put(Buffer.from(canonicalJson(content)), context)
    },

    async getDirectory(digest, target, context) {
      const { files } = await manifest(digest, context)
      if ((await namesIn(target)).length > 0) throw targetNotEmpty(target)
      await makeDirectory(target)
      try {
        for (const file of files) await getFile(file, target, context)
      } catch (error) {
        for (const name of await namesIn(target)) await rm(join(target, name), { recursive: true, force: true })
        throw error
      }
    },
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw storageFailed('list', folder, error)
  }
}
