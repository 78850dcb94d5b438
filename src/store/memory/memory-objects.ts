import { type Digest, digestBytes } from '../../core/index.js'
import { writeFileAtomic } from '../atomic-files.js'
import { readAt, withPlainFile } from '../plain-file.js'
import { objectCorrupt, objectMissing } from '../records.js'
import type { ObjectStore } from '../store.js'
import { storedObjects } from '../stored-objects.js'

export function memoryObjects(): ObjectStore {
  const kept = new Map<Digest, Uint8Array>()
  return storedObjects({
    has: async (digest) => kept.has(digest),
    isIntact: async ({ digest }) => kept.has(digest),
    read: async (digest) => kept.get(digest)?.slice(),
    async write(digest, bytes) {
      kept.set(digest, Uint8Array.from(bytes))
    },
    async copyIn({ path: name, digest }, path) {
      const bytes = await withPlainFile(path, async (file) => {
        const content = new Uint8Array(file.sizeBytes)
        await readAt(file, 0, content)
        return content
      })
      if (digestBytes(bytes) !== digest)
        throw objectCorrupt(digest, `${JSON.stringify(name)} changed while it was read`)
      kept.set(digest, bytes)
    },
    async copyOut({ digest }, path) {
      const bytes = kept.get(digest)
      if (bytes === undefined) throw objectMissing(digest)
      await writeFileAtomic(path, bytes)
    },
    async putAside(digest) {
      kept.delete(digest)
    },
    async remove(digest) {
      kept.delete(digest)
    },
  })
}
