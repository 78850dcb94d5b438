import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type CallContext,
  type Digest,
  hexOf,
  isSheikhError,
  type Json,
  plainPath,
  SheikhError,
} from '../../core/index.js'
import {
  copyFileDurably,
  createExclusively,
  errnoOf,
  type FileSystem,
  type HostProcesses,
  hostProcesses,
  isTemporaryName,
  makeDirectory,
  nodeFileSystem,
  readTextFile,
  renameDurably,
  storageFailed,
  verifyManifest,
  writeFileAtomic,
} from '../../store/index.js'
import {
  type Bundle,
  isVersion,
  notFound,
  notHeld,
  type PendingRelease,
  type PrepareRequest,
  parsePending,
  parseRelease,
  parseVersion,
  pointedAt,
  type Release,
  type Releaser,
  readBundle,
  versionTaken,
} from '../index.js'
import { channelNames, channelOf } from './channel.js'
import { type RegistryFolder, unfinishedIn } from './unfinished.js'

/**
 * Releases in a folder: `bundles/<digest>/`, `pending/<version>-<digest>/`, `releases/<version>.json`,
 * `withdrawals/<version>.json`, `removals/<version>.json`, `channels/<name>/<number>.json`. Readers use only `releases/`, where
 * each file appears atomically. If two writers race, one gets `release-conflict`. Each process writes unfinished files to its
 * own folder below `pending/`.
 *
 * @param path of the folder; created by the first write.
 */
export function directoryRegistry(
  path: string,
  { processes = hostProcesses, fileSystem = nodeFileSystem }: DirectoryRegistryOptions = {},
): Releaser {
  plainPath(path, 'the path of a registry')
  const folder: RegistryFolder = { path, processes, fileSystem }
  const releaseFile = (version: string) => join(path, 'releases', `${version}.json`)
  const withdrawalFile = (version: string) => join(path, 'withdrawals', `${version}.json`)
  const removalFile = (version: string) => join(path, 'removals', `${version}.json`)
  const bundleFolder = (bundle: Digest) => join(path, 'bundles', hexOf(bundle))
  const create = (file: string, content: Json) =>
    unfinishedIn(folder, ({ own }) =>
      createExclusively(file, `${JSON.stringify(content, null, 2)}\n`, { temporaryFolder: own, fileSystem }),
    )
  const pendingFolder = ({ version, bundle }: Pick<PendingRelease, 'version' | 'bundle'>) =>
    join(path, 'pending', `${version}-${hexOf(bundle)}`)

  async function readRelease(version: string): Promise<Stored | undefined> {
    // Anything but a version could be a path that leaves the folder.
    const file = isVersion(version) ? releaseFile(version) : undefined
    const document = file === undefined ? undefined : await readDocument(file)
    if (file === undefined || document === undefined) return undefined
    const release = parseRelease(document, file)
    const { sequence } = document as { sequence?: unknown }
    if (release.version !== version) throw corrupt(file, `it describes ${release.version}`)
    if (!Number.isSafeInteger(sequence)) throw corrupt(file, 'it has no sequence')
    const marks = { ...(await readWithdrawal(version)), ...(await readRemoval(version)) }
    return { release: { ...release, ...marks }, sequence: sequence as number }
  }

  async function readWithdrawal(version: string): Promise<Pick<Release, 'withdrawn'>> {
    const document = await readDocument(withdrawalFile(version))
    if (document === undefined) return {}
    const { reason, atMs } = (document ?? {}) as { reason?: unknown; atMs?: unknown }
    if (typeof reason !== 'string' || typeof atMs !== 'number')
      throw corrupt(withdrawalFile(version), 'it lacks the reason or the time')
    return { withdrawn: { reason, atMs } }
  }

  async function readRemoval(version: string): Promise<Pick<Release, 'removedAtMs'>> {
    const document = await readDocument(removalFile(version))
    if (document === undefined) return {}
    const { atMs } = (document ?? {}) as { atMs?: unknown }
    if (typeof atMs !== 'number') throw corrupt(removalFile(version), 'it has no time')
    return { removedAtMs: atMs }
  }

  async function channelVersions(): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {}
    for (const name of await channelNames(path)) {
      const { version } = await channelOf(folder, name).read()
      if (version !== undefined) found[name] = version
    }
    return found
  }

  async function allReleases(context: CallContext): Promise<readonly Stored[]> {
    const found: Stored[] = []
    context.signal.throwIfAborted()
    for (const name of await namesIn(join(path, 'releases'))) {
      context.signal.throwIfAborted()
      const stored = name.endsWith('.json') ? await readRelease(name.slice(0, -'.json'.length)) : undefined
      if (stored !== undefined) found.push(stored)
    }
    return found.sort((left, right) => right.sequence - left.sequence)
  }

  /** The folder of a pending release's bundle: inside the pending release, or among the released bundles. */
  async function folderOf(pending: PendingRelease): Promise<string> {
    const own = join(pendingFolder(pending), 'bundle')
    return (await exists(own)) ? own : bundleFolder(pending.bundle)
  }

  async function findPending(context: CallContext): Promise<readonly PendingRelease[]> {
    const found: PendingRelease[] = []
    context.signal.throwIfAborted()
    for (const name of await namesIn(join(path, 'pending'))) {
      context.signal.throwIfAborted()
      // An interrupted preparation never has its final name.
      if (name.startsWith(partialPrefix)) continue
      const file = join(path, 'pending', name, 'pending.json')
      const document = await readDocument(file)
      if (document === undefined) continue
      const pending = parsePending(document, file)
      if (pendingFolder(pending) !== join(path, 'pending', name)) throw corrupt(file, `it describes ${pending.version}`)
      found.push(pending)
    }
    return found
  }

  async function removePartials(): Promise<void> {
    const root = join(path, 'pending')
    for (const name of await allNamesIn(root))
      if (name.startsWith(partialPrefix) || isTemporaryName(name)) await removeFolder(fileSystem, join(root, name))
  }

  /** Renames a pending release before it is deleted: after a crash it is listed completely or not at all. */
  async function moveAside(pending: PendingRelease): Promise<string> {
    const aside = join(path, 'pending', `${partialPrefix}gone-${pending.version}-${hexOf(pending.bundle)}`)
    if (await exists(pendingFolder(pending))) {
      await removeFolder(fileSystem, aside)
      await renameUnlessGone(fileSystem, pendingFolder(pending), aside)
    }
    return aside
  }

  /** Moves the bundle of a pending release to the released bundles, and replaces a damaged bundle there. */
  async function moveBundle(pending: PendingRelease, context: CallContext): Promise<void> {
    const own = join(pendingFolder(pending), 'bundle')
    const target = bundleFolder(pending.bundle)
    if (!(await exists(own))) return
    await makeDirectory(dirname(target), fileSystem)
    if (await exists(target)) {
      if (await isWhole(target, pending.bundle, context)) return
      await removeFolder(fileSystem, target)
    }
    await renameUnlessGone(fileSystem, own, target)
  }

  return {
    contract: 1,
    name: 'directory',
    version: '1',
    describe: () => ({ path }),

    async current(name, context) {
      context.signal.throwIfAborted()
      const version = (await channelOf(folder, name).read()).version
      if (version === undefined) return undefined
      const stored = await readRelease(version)
      if (stored === undefined)
        throw corrupt(join(path, 'channels', name), `it points at ${version}, which does not exist`)
      return stored.release
    },

    async channels(context) {
      context.signal.throwIfAborted()
      return await channelVersions()
    },

    async *history(context) {
      for (const { release } of await allReleases(context)) yield release
    },

    async prepare(request, context) {
      context.signal.throwIfAborted()
      const taken = await readRelease(parseVersion(request.version))
      if (taken !== undefined && taken.release.bundle !== request.bundle.digest) throw versionTaken(request.version)
      return prepareBundle(request, context)
    },

    async *pending(context) {
      // Files appear in `releases/` atomically, so there is no state between pending and released.
      for (const pending of await findPending(context)) yield { pending, publishing: false }
    },

    async verify(pending, context) {
      await verifyBundle(await folderOf(pending), pending, context)
    },

    async publish(pending, context) {
      context.signal.throwIfAborted()
      const taken = await readRelease(pending.version)
      if (taken === undefined) {
        await moveBundle(pending, context)
        // Read the bundle at its final place: an earlier release may have put the same bundle there years ago.
        await verifyBundle(bundleFolder(pending.bundle), pending, context)
        const sequence = ((await allReleases(context))[0]?.sequence ?? 0) + 1
        const release = { ...pending, publishedAtMs: context.clock.nowMs(), sequence }
        await create(releaseFile(pending.version), release as unknown as Json)
      }
      const { release } = (await readRelease(pending.version))!
      if (release.bundle !== pending.bundle || release.record.runId !== pending.record.runId)
        throw versionTaken(pending.version)
      await removeFolder(fileSystem, await moveAside(pending))
      return release
    },

    async point(name, version, expected, context) {
      context.signal.throwIfAborted()
      if ((await readRelease(version)) === undefined) throw notFound(version)
      await channelOf(folder, name).point(version, expected)
    },

    async discard(pending, context) {
      context.signal.throwIfAborted()
      const others = (await findPending(context)).filter((other) => pendingFolder(other) !== pendingFolder(pending))
      const used = [...inUse(await allReleases(context)), ...others]
      // An interrupted publication may have moved the bundle already. Delete it unless a release or another pending release
      // uses it. Delete it before the pending release, so that the next run retries if this is interrupted too.
      if (!used.some(({ bundle }) => bundle === pending.bundle))
        await removeFolder(fileSystem, bundleFolder(pending.bundle))
      await removeFolder(fileSystem, await moveAside(pending))
    },

    async withdraw(version, reason, context) {
      context.signal.throwIfAborted()
      if ((await readRelease(version)) === undefined) throw notFound(version)
      const mark: Json = { formatVersion: 1, version, reason, atMs: context.clock.nowMs() }
      await create(withdrawalFile(version), mark)
    },

    async remove(version, context) {
      context.signal.throwIfAborted()
      const stored = await readRelease(version)
      if (stored === undefined) throw notFound(version)
      if (Object.values(await channelVersions()).includes(version)) throw pointedAt(version)
      const mark: Json = { formatVersion: 1, version, atMs: context.clock.nowMs() }
      // Write the mark first: after a crash only unused files remain, and the next removal deletes them.
      await create(removalFile(version), mark)
      const used = [...inUse(await allReleases(context)), ...(await findPending(context))]
      const { bundle } = stored.release
      if (!used.some((other) => other.bundle === bundle)) await removeFolder(fileSystem, bundleFolder(bundle))
    },

    async open(version, directory, context): Promise<Bundle> {
      const stored = await readRelease(version)
      if (stored === undefined || stored.release.removedAtMs !== undefined) throw notFound(version)
      if ((await namesIn(directory)).length > 0)
        throw new SheikhError(
          'invalid-options',
          `Cannot open ${version} into "${directory}": the folder is not empty. Name an empty folder.`,
        )
      const { manifest, bundle } = stored.release
      await makeDirectory(directory, fileSystem)
      await missingIsCorrupt(
        bundleFolder(bundle),
        copyFiles(fileSystem, bundleFolder(bundle), directory, manifest, context),
      )
      return { digest: bundle, manifest, directory }
    },
  }

  /** Writes everything before the final name exists: `pending.json` last, then the folder is renamed. */
  async function prepareBundle(
    { bundle, version, postPublish, record }: PrepareRequest,
    context: CallContext,
  ): Promise<PendingRelease> {
    const pending: PendingRelease = {
      formatVersion: 1,
      version,
      bundle: bundle.digest,
      manifest: bundle.manifest,
      postPublish,
      record,
    }
    await removePartials()
    await unfinishedIn(folder, async (folders) => {
      await folders.clean()
      const partial = await folders.create('staging')
      try {
        const released = bundleFolder(bundle.digest)
        // An intact bundle that already exists is not copied again, so a rollback is prepared at once.
        if (!(await isWhole(released, bundle.digest, context))) {
          if (bundle.directory === undefined) throw notHeld(bundle.digest)
          await copyFiles(fileSystem, bundle.directory, join(partial, 'bundle'), bundle.manifest, context)
        }
        await writeFileAtomic(join(partial, 'pending.json'), `${JSON.stringify(pending, null, 2)}\n`, { fileSystem })
        const aside = await moveAside(pending)
        await renameDurably(partial, pendingFolder(pending), fileSystem)
        await removeFolder(fileSystem, aside)
      } finally {
        await removeFolder(fileSystem, partial)
      }
    })
    return pending
  }
}

export interface DirectoryRegistryOptions {
  /** Detects unfinished work of processes that have ended. @default the processes of this host */
  readonly processes?: HostProcesses | undefined
  /** The file system to write to. @default the disk */
  readonly fileSystem?: FileSystem | undefined
}

/** The name prefix of a pending release that is being removed. */
const partialPrefix = '.partial-'

const inUse = (releases: readonly Stored[]): readonly Release[] =>
  releases.map(({ release }) => release).filter(({ removedAtMs }) => removedAtMs === undefined)

interface Stored {
  readonly release: Release
  /** The publication order. Timestamps are not reliable: clocks jump. */
  readonly sequence: number
}

async function copyFiles(
  fileSystem: FileSystem,
  from: string,
  to: string,
  { files }: Bundle['manifest'],
  context: CallContext,
): Promise<void> {
  for (const { path, digest } of files) {
    context.signal.throwIfAborted()
    await copyFileDurably(join(from, path), join(to, path), context, { expected: digest, fileSystem })
  }
}

const verifyBundle = (folder: string, { manifest }: PendingRelease, context: CallContext) =>
  missingIsCorrupt(folder, verifyManifest(folder, manifest, context))

/** An existing version that lacks a file is damaged, not absent. */
async function missingIsCorrupt(folder: string, work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isSheikhError(error, 'not-found')) throw error
    throw corrupt(folder, 'a file is missing', error)
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

/** The names in a folder except writes in progress. Empty if the folder does not exist. */
const namesIn = async (folder: string): Promise<readonly string[]> =>
  (await allNamesIn(folder)).filter((name) => !isTemporaryName(name)).sort()

async function allNamesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw storageFailed('read', folder, error)
  }
}

async function exists(folder: string): Promise<boolean> {
  try {
    await readdir(folder)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw storageFailed('read', folder, error)
  }
}

async function readDocument(file: string): Promise<Json | undefined> {
  const text = await readTextFile(file)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw corrupt(file, 'it is not JSON', error)
  }
}

const corrupt = (file: string, fact: string, cause?: unknown) =>
  new SheikhError('artifact-corrupt', `Cannot read "${file}": ${fact}. Restore the registry from a backup.`, {
    facts: { file },
    ...(cause !== undefined && { cause }),
  })
