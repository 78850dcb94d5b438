import { access, readdir } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { type CallContext, type Digest, hexOf, isSheikhError, type Manifest } from '../../core/index.js'
import {
  copyFileDurably,
  createExclusively,
  errnoOf,
  type FileSystem,
  isTemporaryName,
  makeDirectory,
  namesIn,
  readTextFile,
  renameDurably,
  storageFailed,
  verifyManifest,
  writeFileAtomic,
} from '../../store/index.js'
import { corruptRecord, notHeld, type PendingRelease, pendingName, type ReleaseStorage, readBundle } from '../index.js'
import { type RegistryFolder, unfinishedIn } from './unfinished.js'

/** The name prefix of a pending release that is being removed. */
const partialPrefix = '.partial-'

/**
 * Documents and bundles in a folder. A pending release is a folder with `pending.json` and its bundle, unless the bundle is
 * already stored. Everything in it is written before the folder gets its final name.
 */
export function directoryStorage(folder: RegistryFolder): ReleaseStorage {
  const { path, fileSystem } = folder
  const pendingRoot = join(path, 'pending')
  const addressOf = (name: string) =>
    name.startsWith('pending/') ? join(path, name.slice(0, -'.json'.length), 'pending.json') : join(path, name)
  const bundleFolder = (bundle: Digest) => join(path, 'bundles', hexOf(bundle))
  const pendingFolder = (pending: PendingRelease) => dirname(addressOf(pendingName(pending)))
  const ownBundle = (pending: PendingRelease) => join(pendingFolder(pending), 'bundle')

  async function removePartials(): Promise<void> {
    for (const name of await namesIn(pendingRoot))
      if (name.startsWith(partialPrefix) || isTemporaryName(name))
        await removeFolder(fileSystem, join(pendingRoot, name))
  }

  /** Renames a pending release before it is deleted: after a crash it is listed completely or not at all. */
  async function moveAside(pending: PendingRelease): Promise<string> {
    const aside = join(pendingRoot, `${partialPrefix}gone-${pending.version}-${hexOf(pending.bundle)}`)
    if (await exists(pendingFolder(pending))) {
      await removeFolder(fileSystem, aside)
      await renameUnlessGone(fileSystem, pendingFolder(pending), aside)
    }
    return aside
  }

  return {
    hasChecksums: false,
    addressOf,
    read: (name) => readTextFile(addressOf(name)),

    async list(under) {
      // A folder of a pending release also contains a bundle, and an unfinished one never has its final name.
      if (under === 'pending')
        return (await namesIn(pendingRoot))
          .filter((name) => !name.startsWith('.'))
          .sort()
          .map((name) => `pending/${name}.json`)
      return (await filesBelow(join(path, under))).map((name) => `${under}/${name}`).sort()
    },

    createExclusively: (name, text) =>
      unfinishedIn(folder, ({ own }) => createExclusively(addressOf(name), text, { temporaryFolder: own, fileSystem })),

    async putPending({ pending, directory, encode }, context) {
      await removePartials()
      await unfinishedIn(folder, async (folders) => {
        await folders.clean()
        const partial = await folders.create('prepare')
        try {
          // An intact bundle that already exists is not copied again, so a rollback is prepared at once.
          if (!(await isWhole(bundleFolder(pending.bundle), pending.bundle, context))) {
            if (directory === undefined) throw notHeld(pending.bundle)
            await copyFiles(fileSystem, directory, join(partial, 'bundle'), pending.manifest, context)
          }
          await writeFileAtomic(join(partial, 'pending.json'), encode({}), { fileSystem })
          const aside = await moveAside(pending)
          await renameDurably(partial, pendingFolder(pending), fileSystem)
          await removeFolder(fileSystem, aside)
        } finally {
          await removeFolder(fileSystem, partial)
        }
      })
    },

    replacePending: (pending, text) => writeFileAtomic(addressOf(pendingName(pending)), text, { fileSystem }),

    async removePending(pending) {
      await removeFolder(fileSystem, await moveAside(pending))
    },

    async verifyBundle(pending, _, context) {
      const own = ownBundle(pending)
      await verify((await exists(own)) ? own : bundleFolder(pending.bundle), pending, context)
    },

    async placeBundle(pending, _, context) {
      const own = ownBundle(pending)
      const target = bundleFolder(pending.bundle)
      if (await exists(own)) {
        await makeDirectory(dirname(target), fileSystem)
        if (await exists(target)) {
          if (await isWhole(target, pending.bundle, context)) return
          // Damaged, or half removed.
          await removeFolder(fileSystem, target)
        }
        await renameUnlessGone(fileSystem, own, target)
      }
      await verify(target, pending, context)
    },

    async openBundle({ bundle, manifest }, directory, context) {
      const from = bundleFolder(bundle)
      await missingIsCorrupt(from, copyFiles(fileSystem, from, directory, manifest, context))
    },

    removeBundle: (bundle) => removeFolder(fileSystem, bundleFolder(bundle)),
  }
}

async function copyFiles(
  fileSystem: FileSystem,
  from: string,
  to: string,
  { files }: Manifest,
  context: CallContext,
): Promise<void> {
  for (const { path, digest } of files) {
    context.signal.throwIfAborted()
    await copyFileDurably(join(from, path), join(to, path), context, { expected: digest, fileSystem })
  }
}

/** A bundle that this process wrote is read again only if it changed since. */
const verify = (folder: string, { manifest }: PendingRelease, context: CallContext) =>
  missingIsCorrupt(folder, verifyManifest(folder, manifest, context, { skipUnchanged: true }))

/** An existing version that lacks a file is damaged, not absent. */
async function missingIsCorrupt(folder: string, work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isSheikhError(error, 'not-found')) throw error
    throw corruptRecord(folder, 'a file is missing', error)
  }
}

async function isWhole(folder: string, bundle: Digest, context: CallContext): Promise<boolean> {
  if (!(await exists(folder))) return false
  try {
    return (await readBundle(folder, context)).digest === bundle
  } catch (error) {
    // A link, or no file at all, as an interrupted removal leaves it.
    if (isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')) return false
    throw error
  }
}

async function removeFolder(fileSystem: FileSystem, folder: string): Promise<void> {
  try {
    // Another process may remove the same folder at the same time.
    await fileSystem.rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  } catch (error) {
    throw storageFailed('remove', folder, error)
  }
}

/** If two processes race, one moves the bundle and the other uses the result. */
async function renameUnlessGone(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  try {
    await renameDurably(from, to, fileSystem)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error
  }
}

/** The paths of the files below a folder, relative to it. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder, { recursive: true })
    return names.map((name) => name.split(sep).join('/'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw storageFailed('read', folder, error)
  }
}

async function exists(folder: string): Promise<boolean> {
  try {
    await access(folder)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw storageFailed('read', folder, error)
  }
}
