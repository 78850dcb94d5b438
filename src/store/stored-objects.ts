import { randomUUID } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  digestBytes,
  type FileEntry,
  isSheikhError,
  type Manifest,
  parseManifest,
} from '../core/index.js'
import { makeDirectory, removeQuietly } from './atomic-files.js'
import { folderNotEmpty, namesIn } from './empty-folder.js'
import { type FileSystem, nodeFileSystem } from './file-system.js'
import { readManifest } from './read-manifest.js'
import { notDirectory, objectCorrupt, objectMissing } from './records.js'
import { isAbsent, storageFailed } from './storage-failed.js'
import type { ObjectStore } from './store.js'

/** A place that stores bytes by digest: a folder, a bucket, memory. `storedObjects` implements `ObjectStore` with it. */
export interface ObjectStorage {
  /** Whether there is an object under this digest, intact or not. */
  has(digest: Digest): Promise<boolean>
  /** Whether the object does not have to be written again. A damaged object may count as intact if only its bytes show the damage. */
  isIntact(object: Pick<FileEntry, 'digest' | 'sizeBytes'>, context: CallContext): Promise<boolean>
  read(digest: Digest, context: CallContext): Promise<Uint8Array | undefined>
  write(digest: Digest, bytes: Uint8Array, context: CallContext): Promise<void>
  /** Writes the file at `path` completely or not at all. @throws `artifact-corrupt` if its bytes are not those of `file`. */
  copyIn(file: FileEntry, path: string, context: CallContext): Promise<void>
  /** Writes the object to a file. @throws `artifact-corrupt` or `not-found` if its bytes are not those of `file`. */
  copyOut(file: FileEntry, path: string, context: CallContext): Promise<void>
  /** Removes a damaged object from its digest, so that the next run writes it again. */
  putAside(digest: Digest, context: CallContext): Promise<void>
  /** Does nothing if there is no such object. */
  remove(digest: Digest, context: CallContext): Promise<void>
}

/** @param fileSystem writes the directories that `getDirectory` gives. */
export function storedObjects(storage: ObjectStorage, fileSystem = nodeFileSystem): ObjectStore {
  async function get(digest: Digest, context: CallContext): Promise<Uint8Array> {
    context.signal.throwIfAborted()
    const bytes = await storage.read(digest, context)
    if (bytes === undefined) throw objectMissing(digest)
    const found = digestBytes(bytes)
    if (found === digest) return bytes
    await storage.putAside(digest, context)
    throw objectCorrupt(digest, `its ${bytes.length} bytes have the digest ${found}`)
  }

  async function put(bytes: Uint8Array, context: CallContext): Promise<Digest> {
    context.signal.throwIfAborted()
    const digest = digestBytes(bytes)
    if (!(await storage.isIntact({ digest, sizeBytes: bytes.length }, context)))
      await storage.write(digest, bytes, context)
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

  return {
    get,
    put,
    manifest,
    has: (digest) => storage.has(digest),

    async putDirectory(directory, context, { manifest: known } = {}) {
      const content = known ?? (await readManifest(directory, context))
      for (const file of content.files)
        if (!(await storage.isIntact(file, context))) await storage.copyIn(file, join(directory, file.path), context)
      // Written last: if the manifest exists, every file exists.
      return await put(Buffer.from(canonicalJson(content)), context)
    },

    async getDirectory(digest, target, context) {
      const { files } = await manifest(digest, context)
      await writeDirectory(fileSystem, target, async (partial) => {
        for (const file of files) {
          try {
            await storage.copyOut(file, join(partial, file.path), context)
          } catch (error) {
            if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
            await storage.putAside(file.digest, context)
            // Without its manifest the directory counts as absent. Otherwise a cached stage would stay broken.
            await storage.putAside(digest, context)
            throw objectCorrupt(digest, `its file ${JSON.stringify(file.path)} (${file.digest}) is missing or damaged`)
          }
        }
      })
    },

    async removeDirectory(digest, context) {
      if (!(await storage.has(digest))) return
      const { files } = await manifest(digest, context)
      // Removed first: if the manifest exists, every file exists.
      await storage.remove(digest, context)
      for (const file of files) await storage.remove(file.digest, context)
    },
  }
}

/** Lets `write` fill a folder, then renames the folder to `target`. @throws `invalid-options` if `target` is not empty. */
export async function writeDirectory(
  fileSystem: FileSystem,
  target: string,
  write: (partial: string) => Promise<void>,
): Promise<void> {
  const path = resolve(target)
  if ((await namesIn(path)).length > 0) throw folderNotEmpty(path, 'write a directory into')
  const partial = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomUUID()}.tmp`)
  try {
    await makeDirectory(partial, fileSystem)
    await write(partial)
    // Not every system renames a folder over an empty one.
    await fileSystem.rmdir(path).catch((error: unknown) => {
      if (!isAbsent(error)) throw error
    })
    await fileSystem.rename(partial, path)
  } catch (error) {
    await removeQuietly(partial, fileSystem)
    throw storageFailed('write', path, error)
  }
}
