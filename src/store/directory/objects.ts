import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  digestBytes,
  finishDigest,
  hexOf,
  isSheikhError,
  type Manifest,
  parseManifest,
  startDigest,
} from '../../core/index.js'
import {
  type AtomicWriteOptions,
  copyFileDurably,
  makeDirectory,
  removeQuietly,
  writeFileAtomic,
} from '../atomic-files.js'
import { type FileSystem, nodeFileSystem } from '../file-system.js'
import { chunksOf, withPlainFile } from '../plain-file.js'
import { readManifest } from '../read-manifest.js'
import { notDirectory, objectCorrupt, objectMissing, targetNotEmpty } from '../records.js'
import { isAbsent, storageFailed } from '../storage-failed.js'
import type { ObjectStore } from '../store.js'

/** Objects as files: `sha256/ab/cd…`. One whose bytes are not its name is moved to `corrupt/`, so that a rerun makes it anew. */
export function directoryObjects(folder: string, writing: AtomicWriteOptions): ObjectStore {
  const { fileSystem = nodeFileSystem } = writing
  const pathOf = (digest: Digest) => join(folder, 'sha256', hexOf(digest).slice(0, 2), hexOf(digest).slice(2))

  async function putAside(digest: Digest): Promise<void> {
    const aside = join(folder, 'corrupt', hexOf(digest))
    try {
      await makeDirectory(dirname(aside), fileSystem)
      await fileSystem.rename(pathOf(digest), aside)
    } catch {
      await removeQuietly(pathOf(digest), fileSystem)
    }
  }

  async function get(digest: Digest, context: CallContext): Promise<Uint8Array> {
    context.signal.throwIfAborted()
    const bytes = await readObject(pathOf(digest), digest)
    if (digestBytes(bytes) === digest) return bytes
    await putAside(digest)
    throw objectCorrupt(digest, `its ${bytes.length} bytes are those of ${digestBytes(bytes)}`)
  }

  async function put(bytes: Uint8Array, context: CallContext): Promise<Digest> {
    context.signal.throwIfAborted()
    const digest = digestBytes(bytes)
    if (!(await isWhole(pathOf(digest), digest, context))) await writeFileAtomic(pathOf(digest), bytes, writing)
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
    async has(digest) {
      return (await stat(pathOf(digest)).catch(() => undefined))?.isFile() ?? false
    },
    async putDirectory(directory, context, { manifest: known } = {}) {
      const content = known ?? (await readManifest(directory, context))
      for (const { path, digest } of content.files) {
        if (await isWhole(pathOf(digest), digest, context)) continue
        await copyFileDurably(join(directory, path), pathOf(digest), context, { ...writing, expected: digest })
      }
      // Last: where the manifest is kept, so is every file.
      return await put(Buffer.from(canonicalJson(content)), context)
    },
    async getDirectory(digest, target, context) {
      const { files } = await manifest(digest, context)
      await writeWhole(fileSystem, target, async (partial) => {
        for (const file of files) {
          try {
            await copyFileDurably(pathOf(file.digest), join(partial, file.path), context, {
              expected: file.digest,
              fileSystem,
            })
          } catch (error) {
            if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
            await putAside(file.digest)
            // The directory's own name must say that it is not held any more, or a cached stage would stay broken.
            await putAside(digest)
            throw objectCorrupt(digest, `its file ${JSON.stringify(file.path)} (${file.digest}) is missing or damaged`)
          }
        }
      })
    },
  }
}

async function readObject(path: string, digest: Digest): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw isAbsent(error) ? objectMissing(digest) : storageFailed('read', path, error)
  }
}

/** Whether an object is there with the right bytes: a damaged one is written again by whoever has them. */
async function isWhole(path: string, digest: Digest, context: CallContext): Promise<boolean> {
  try {
    return await withPlainFile(path, async (file) => {
      const hash = startDigest()
      for await (const piece of chunksOf(file, 0, file.sizeBytes, context)) hash.update(piece)
      return finishDigest(hash) === digest
    })
  } catch (error) {
    if (isSheikhError(error, 'not-found') || isSheikhError(error, 'artifact-corrupt')) return false
    throw error
  }
}

/** Lets `write` fill a folder that becomes `target` when it is whole. */
async function writeWhole(
  fileSystem: FileSystem,
  target: string,
  write: (partial: string) => Promise<void>,
): Promise<void> {
  const path = resolve(target)
  const names = await readdir(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw storageFailed('list', path, error)
  })
  if (names !== undefined && names.length > 0) throw targetNotEmpty(path)
  const partial = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomUUID()}.tmp`)
  try {
    await makeDirectory(partial, fileSystem)
    await write(partial)
    // Not every system renames a folder over an empty one.
    if (names !== undefined) await fileSystem.rmdir(path)
    await fileSystem.rename(partial, path)
  } catch (error) {
    await removeQuietly(partial, fileSystem)
    throw storageFailed('write', path, error)
  }
}
