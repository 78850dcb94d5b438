import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CallContext, type Digest, hexOf, isSheikhError } from '../../core/index.js'
import {
  type AtomicWriteOptions,
  copyFileDurably,
  makeDirectory,
  removeQuietly,
  writeFileAtomic,
} from '../atomic-files.js'
import { nodeFileSystem } from '../file-system.js'
import { digestOfFile, withPlainFile } from '../plain-file.js'
import { isAbsent, storageFailed } from '../storage-failed.js'
import type { ObjectStore } from '../store.js'
import { storedObjects } from '../stored-objects.js'

/** Objects as files: `sha256/ab/cd…`. A damaged object is moved to `corrupt/`. */
export function directoryObjects(folder: string, writing: AtomicWriteOptions): ObjectStore {
  const { fileSystem = nodeFileSystem } = writing
  const pathOf = (digest: Digest) => join(folder, 'sha256', hexOf(digest).slice(0, 2), hexOf(digest).slice(2))
  return storedObjects(
    {
      async has(digest) {
        return (await stat(pathOf(digest)).catch(() => undefined))?.isFile() ?? false
      },
      isIntact: ({ digest }, context) => hasDigest(pathOf(digest), digest, context),
      read: (digest) => readIfThere(pathOf(digest)),
      write: (digest, bytes) => writeFileAtomic(pathOf(digest), bytes, writing),
      async copyIn({ digest }, path, context) {
        await copyFileDurably(path, pathOf(digest), context, { ...writing, expected: digest })
      },
      async copyOut({ digest }, path, context) {
        await copyFileDurably(pathOf(digest), path, context, { expected: digest, fileSystem })
      },
      async putAside(digest) {
        const aside = join(folder, 'corrupt', hexOf(digest))
        try {
          await makeDirectory(dirname(aside), fileSystem)
          await fileSystem.rename(pathOf(digest), aside)
        } catch {
          await removeQuietly(pathOf(digest), fileSystem)
        }
      },
      async remove(digest) {
        await fileSystem.rm(pathOf(digest), { force: true }).catch((error: unknown) => {
          throw storageFailed('remove', pathOf(digest), error)
        })
      },
    },
    fileSystem,
  )
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw storageFailed('read', path, error)
  }
}

async function hasDigest(path: string, digest: Digest, context: CallContext): Promise<boolean> {
  try {
    return await withPlainFile(path, async (file) => (await digestOfFile(file, context)) === digest)
  } catch (error) {
    if (isSheikhError(error, 'not-found') || isSheikhError(error, 'artifact-corrupt')) return false
    throw error
  }
}
