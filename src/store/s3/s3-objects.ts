import { type CallContext, type Digest, type FileEntry, hexOf } from '../../core/index.js'
import { writeStreamAtomic } from '../atomic-files.js'
import { type Bucket, isSameObject, uploadObject } from '../bucket/index.js'
import type { ObjectStore } from '../store.js'
import { storedObjects } from '../stored-objects.js'

/** Objects in a bucket: `objects/sha256/<digest>`. A damaged object is removed. */
export function s3Objects(bucket: Bucket, quiet: CallContext): ObjectStore {
  const keyOf = (digest: Digest) => `objects/sha256/${hexOf(digest)}`
  return storedObjects({
    has: async (digest) => (await bucket.head(keyOf(digest), quiet)) !== undefined,

    /** If the server has no checksum, whoever reads the object detects damage. */
    async isIntact(object, context) {
      const head = await bucket.head(keyOf(object.digest), context)
      return head !== undefined && isSameObject(head, object) !== false
    },

    read: (digest, context) => bucket.read(keyOf(digest), context),
    write: (digest, bytes, context) =>
      bucket.put(keyOf(digest), bytes, context, Buffer.from(hexOf(digest), 'hex').toString('base64')),

    async copyIn(file: FileEntry, path, context) {
      await uploadObject(bucket, keyOf(file.digest), path, file, context)
    },

    async copyOut({ digest }, path, context) {
      // A range request for an empty object has no answer, because it has no first byte.
      const answer = await bucket.stream(keyOf(digest), 'bytes=0-', context)
      await writeStreamAtomic(path, answer?.body ?? [], context, { expected: digest })
    },

    putAside: (digest, context) => bucket.remove(keyOf(digest), context),
    remove: (digest, context) => bucket.remove(keyOf(digest), context),
  })
}
