import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, hexOf, type Json, SheikhError } from '../../core/index.js'
import {
  copyFileDurably,
  createExclusively,
  isTemporaryName,
  makeDirectory,
  readTextFile,
  renameDurably,
  verifyManifest,
  writeFileAtomic,
} from '../../store/index.js'
import {
  type Bundle,
  parseRelease,
  parseStaged,
  type Release,
  type Releaser,
  readBundle,
  type Staged,
  type StageRequest,
} from '../index.js'
import { channelOf } from './channel.js'

/**
 * Releases in a folder: `bundles/<digest>/`, `staged/<version>-<digest>/`, `releases/<version>.json`,
 * `withdrawals/<version>.json`, `channels/<name>/<number>.json`. A reader goes by `releases/` alone, and what appears there
 * appears whole. One writer at a time, as the pipeline's lock has it; of two that race one gets `release-conflict`.
 *
 * @param path of the folder; made when something is first written.
 */
export function directoryRegistry(path: string): Releaser {
  const releaseFile = (version: string) => join(path, 'releases', `${version}.json`)
  const withdrawalFile = (version: string) => join(path, 'withdrawals', `${version}.json`)
  const bundleFolder = (bundle: Digest) => join(path, 'bundles', hexOf(bundle))
  const stagedFolder = ({ version, bundle }: Pick<Staged, 'version' | 'bundle'>) =>
    join(path, 'staged', `${version}-${hexOf(bundle)}`)

  async function readRelease(version: string): Promise<Stored | undefined> {
    const document = await readDocument(releaseFile(version))
    if (document === undefined) return undefined
    const release = parseRelease(document, releaseFile(version))
    const mark = (await readDocument(withdrawalFile(version))) as { reason?: unknown; atMs?: unknown } | undefined
    const withdrawn = mark === undefined ? {} : { withdrawn: { reason: String(mark.reason), atMs: Number(mark.atMs) } }
    return { release: { ...release, ...withdrawn }, sequence: Number((document as { sequence?: unknown }).sequence) }
  }

  async function allReleases(context: CallContext): Promise<readonly Stored[]> {
    const found: Stored[] = []
    for (const name of await namesIn(join(path, 'releases'))) {
      context.signal.throwIfAborted()
      const stored = name.endsWith('.json') ? await readRelease(name.slice(0, -'.json'.length)) : undefined
      if (stored !== undefined) found.push(stored)
    }
    return found.sort((left, right) => right.sequence - left.sequence)
  }

  /** Where the bundle of a staging is: with it, or among the released ones. */
  async function folderOf(staged: Staged): Promise<string> {
    const own = join(stagedFolder(staged), 'bundle')
    return (await exists(own)) ? own : bundleFolder(staged.bundle)
  }

  async function findStaged(context: CallContext): Promise<readonly Staged[]> {
    const found: Staged[] = []
    for (const name of await namesIn(join(path, 'staged'))) {
      context.signal.throwIfAborted()
      const document = await readDocument(join(path, 'staged', name, 'staged.json'))
      if (document !== undefined) found.push(parseStaged(document, join(path, 'staged', name)))
    }
    return found
  }

  return {
    contract: 1,
    name: 'directory',
    version: '1',
    describe: () => ({ path }),

    async current(name, context) {
      context.signal.throwIfAborted()
      const version = (await channelOf(path, name).read()).version
      return version === undefined ? undefined : (await readRelease(version))?.release
    },

    async *history(context) {
      for (const { release } of await allReleases(context)) yield release
    },

    async stage(request, context) {
      context.signal.throwIfAborted()
      const taken = await readRelease(request.version)
      if (taken !== undefined && taken.release.bundle !== request.bundle.digest) throw versionTaken(request.version)
      return stageBundle(request, context)
    },

    async *staged(context) {
      yield* await findStaged(context)
    },

    async verify(staged, context) {
      await verifyManifest(await folderOf(staged), staged.manifest, context)
    },

    async promote(staged, context) {
      context.signal.throwIfAborted()
      const own = join(stagedFolder(staged), 'bundle')
      if (await exists(own)) {
        await makeDirectory(join(path, 'bundles'))
        if (!(await exists(bundleFolder(staged.bundle)))) await renameDurably(own, bundleFolder(staged.bundle))
      }
      const taken = await readRelease(staged.version)
      if (taken === undefined) {
        // Read back where readers will find it: a bundle of the same digest may have stood there for years.
        await verifyManifest(bundleFolder(staged.bundle), staged.manifest, context)
        const sequence = ((await allReleases(context))[0]?.sequence ?? 0) + 1
        const release = { ...staged, promotedAtMs: context.clock.nowMs(), sequence }
        await createExclusively(releaseFile(staged.version), `${JSON.stringify(release, null, 2)}\n`)
      }
      const { release } = (await readRelease(staged.version))!
      if (release.bundle !== staged.bundle || release.record.runId !== staged.record.runId)
        throw versionTaken(staged.version)
      await rm(stagedFolder(staged), { recursive: true, force: true })
      return release
    },

    async point(name, version, expected, context) {
      context.signal.throwIfAborted()
      if ((await readRelease(version)) === undefined) throw notFound(version)
      await channelOf(path, name).point(version, expected)
    },

    async discard(staged, context) {
      context.signal.throwIfAborted()
      await rm(stagedFolder(staged), { recursive: true, force: true })
      // A promotion that was cut off may have moved the bundle already: nobody reads it, unless a release or a staging does.
      const used = [...(await allReleases(context)).map(({ release }) => release), ...(await findStaged(context))]
      if (!used.some(({ bundle }) => bundle === staged.bundle))
        await rm(bundleFolder(staged.bundle), { recursive: true, force: true })
    },

    async withdraw(version, reason, context) {
      context.signal.throwIfAborted()
      if ((await readRelease(version)) === undefined) throw notFound(version)
      const mark: Json = { formatVersion: 1, version, reason, atMs: context.clock.nowMs() }
      await createExclusively(withdrawalFile(version), `${JSON.stringify(mark, null, 2)}\n`)
    },

    async open(version, directory, context): Promise<Bundle> {
      const stored = await readRelease(version)
      if (stored === undefined) throw notFound(version)
      if ((await namesIn(directory)).length > 0)
        throw new SheikhError(
          'invalid-options',
          `Cannot open ${version} into "${directory}": the folder is not empty. Name an empty one.`,
        )
      const { manifest, bundle } = stored.release
      await makeDirectory(directory)
      await copyFiles(bundleFolder(bundle), directory, manifest, context)
      return { digest: bundle, manifest, directory }
    },
  }

  /** Whole before it has its name: `staged.json` is written last, the folder is renamed after that. */
  async function stageBundle({ bundle, version, intent, record }: StageRequest, context: CallContext): Promise<Staged> {
    const staged: Staged = {
      formatVersion: 1,
      version,
      bundle: bundle.digest,
      manifest: bundle.manifest,
      intent,
      record,
    }
    const root = join(path, 'staged')
    for (const name of await namesIn(root))
      if (name.startsWith('.partial-')) await rm(join(root, name), { recursive: true, force: true })
    const partial = join(root, `.partial-${version}-${hexOf(bundle.digest)}`)
    await makeDirectory(partial)
    const released = bundleFolder(bundle.digest)
    // Bytes that are there already, and still the same, are not copied again: a rollback stages in no time.
    if (!(await isWhole(released, bundle, context)))
      await copyFiles(bundle.directory, join(partial, 'bundle'), bundle.manifest, context)
    await writeFileAtomic(join(partial, 'staged.json'), `${JSON.stringify(staged, null, 2)}\n`)
    await rm(stagedFolder(staged), { recursive: true, force: true })
    await renameDurably(partial, stagedFolder(staged))
    return staged
  }
}

interface Stored {
  readonly release: Release
  /** Order of promotion: clocks jump, this does not. */
  readonly sequence: number
}

async function copyFiles(from: string, to: string, { files }: Bundle['manifest'], context: CallContext): Promise<void> {
  for (const { path, digest } of files) {
    context.signal.throwIfAborted()
    await copyFileDurably(join(from, path), join(to, path), context, { expected: digest })
  }
}

async function isWhole(folder: string, bundle: Bundle, context: CallContext): Promise<boolean> {
  if (!(await exists(folder))) return false
  return (await readBundle(folder, context)).digest === bundle.digest
}

/** Names in a folder but those of writes in progress; none where it is absent. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => !isTemporaryName(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function exists(folder: string): Promise<boolean> {
  try {
    await readdir(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function readDocument(file: string): Promise<Json | undefined> {
  const text = await readTextFile(file)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot read "${file}": it is not JSON. Restore the registry from a copy.`,
      { facts: { file }, cause: error },
    )
  }
}

const versionTaken = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: the version is taken by another release. Run again, for the next one.`,
    { facts: { version }, retryable: true },
  )
const notFound = (version: string) =>
  new SheikhError('not-found', `There is no release ${version} in the registry.`, { facts: { version } })
