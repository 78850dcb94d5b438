import { mkdtemp, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, digestJson, hexOf, isSheikhError, messageOf, plainPath, SheikhError } from '../core/index.js'
import { makeDirectory, namesIn, readJsonFile, storageFailed, writeFileAtomic } from '../store/index.js'
import { readBundle } from './bundle.js'
import type { ReleaseReader } from './load-release.js'
import { parseRelease } from './parse-release.js'
import type { Bundle, Release } from './releaser.js'

/** What a release is looked up by. */
export type ReleaseName = { readonly channel: string } | { readonly version: string }

/**
 * A folder of bundles by digest and of the last known release per channel or version. Several processes may share it. Keeps the
 * bundles of the last and of the previous release per channel and of the five versions that were last loaded by number, and
 * removes others one hour after they were last opened or used.
 */
export interface ReleaseCache {
  /** Returns the result of `find`, or the release that was last kept if the registry is unreachable. */
  find(name: ReleaseName, find: () => Promise<Release | undefined>): Promise<Release | undefined>
  /** Keeps a release that could be loaded as the last known one. */
  keep(name: ReleaseName, release: Release): Promise<void>
  /** Returns the bundle inside the cache folder, every file hashed again. Do not modify it. */
  open(release: Release): Promise<Bundle>
  /** Other processes keep the release and its bundle until the returned function is called: a model may read its files again. */
  use(name: ReleaseName, release: Release): () => void
}

export function releaseCache(
  directory: string,
  releaser: Omit<ReleaseReader, 'current' | 'history'>,
  context: CallContext,
): ReleaseCache {
  plainPath(directory, 'the cache of releases')
  const registry = { name: releaser.name, version: releaser.version ?? null, describe: releaser.describe() }

  async function kept(path: string): Promise<Release | undefined> {
    const value = await readJsonFile(path)
    return value === undefined ? undefined : parseRelease(value, path)
  }

  const bundlePathOf = ({ bundle }: Release) => join(directory, 'bundles', hexOf(bundle))

  /** A read-only cache removes nothing. */
  async function touch(path: string): Promise<void> {
    const now = context.clock.nowMs() / 1000
    await utimes(path, now, now).catch(() => {})
  }

  function pathOf(name: ReleaseName): string {
    const isVersion = 'version' in name
    const text = isVersion ? `version ${name.version}` : `channel ${name.channel}`
    const file = `${hexOf(digestJson({ registry, name: text }))}.json`
    return join(directory, 'releases', isVersion ? `${versionPrefix}${file}` : file)
  }

  /** A process loads few channels, but in time any number of versions. */
  async function pruneVersions(): Promise<void> {
    const files = (await namesIn(join(directory, 'releases'))).filter((file) => file.startsWith(versionPrefix))
    const paths = files.map((file) => join(directory, 'releases', file))
    // Another process may have removed some.
    const usedMs = await Promise.all(
      paths.map(async (path) => ({ path, atMs: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 })),
    )
    const rest = usedMs.sort((one, other) => other.atMs - one.atMs).slice(keptVersions)
    for (const { path, atMs } of rest) if (context.clock.nowMs() - atMs > unusedMs) await rm(path, { force: true })
  }

  /** The cached bundle, if it is present and intact. */
  async function held(path: string, { bundle }: Release): Promise<Bundle | undefined> {
    try {
      const found = await readBundle(path, context)
      if (found.digest === bundle) return found
    } catch (error) {
      if (isSheikhError(error, 'not-found')) return undefined
      if (!isSheikhError(error, 'artifact-corrupt')) throw error
    }
    context.log.warn(`The cached bundle "${path}" is damaged. Downloading it again.`)
    await rm(path, { recursive: true, force: true })
    return undefined
  }

  /** Removes bundles that no kept release has. */
  async function prune(): Promise<void> {
    const used = new Set<string>()
    // One that cannot be read may need any bundle.
    for (const file of await namesIn(join(directory, 'releases'))) {
      const release = file.endsWith('.json') ? await kept(join(directory, 'releases', file)) : undefined
      if (release !== undefined) used.add(hexOf(release.bundle))
    }
    for (const entry of await namesIn(join(directory, 'bundles'))) {
      const isOurs = /^[0-9a-f]{64}$/.test(entry) || entry.startsWith('.fetching-')
      const path = join(directory, 'bundles', entry)
      if (!isOurs || used.has(entry)) continue
      const { mtimeMs } = await stat(path)
      if (context.clock.nowMs() - mtimeMs > unusedMs) await rm(path, { recursive: true, force: true })
    }
  }

  return {
    async find(name, find) {
      try {
        return await find()
      } catch (error) {
        if (!isSheikhError(error, 'remote-failed')) throw error
        const before = await kept(pathOf(name))
        if (before === undefined) throw error
        context.log.warn(
          `Cannot reach the registry (${messageOf(error)}). Using ${before.version}, the last known release.`,
        )
        return before
      }
    },

    async keep(name, release) {
      try {
        const path = pathOf(name)
        const before = await kept(path).catch(() => undefined)
        if (before !== undefined && before.bundle !== release.bundle)
          await writeFileAtomic(path.replace(/\.json$/, '.previous.json'), JSON.stringify(before))
        await writeFileAtomic(path, JSON.stringify(release))
        await touch(path)
        // Records first: after a crash, the next call removes the bundles that no record has.
        await pruneVersions()
        await prune()
      } catch (error) {
        // A read-only cache, such as one in a container image, is still used for reading.
        context.log.warn(`Cannot write to the release cache: ${messageOf(error)}`)
      }
    },

    async open(release) {
      const path = bundlePathOf(release)
      // First, so that another process does not remove it while it is read.
      await touch(path)
      const there = await held(path, release)
      if (there !== undefined) return there
      await makeDirectory(join(directory, 'bundles'))
      const fetching = await mkdtemp(join(directory, 'bundles', '.fetching-'))
      try {
        await releaser.open(release.version, join(fetching, 'bundle'), context)
        // Another process may have been faster. Its bundle is identical.
        await rename(join(fetching, 'bundle'), path).catch(async (error: unknown) => {
          const { code } = error as NodeJS.ErrnoException
          if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw storageFailed('keep the bundle in', path, error)
        })
      } finally {
        await rm(fetching, { recursive: true, force: true })
      }
      const bundle = await held(path, release)
      if (bundle !== undefined) return bundle
      throw new SheikhError('artifact-corrupt', `Cannot use the cached bundle "${path}": it is incomplete. Try again.`)
    },

    use(name, release) {
      const touchAll = () => [pathOf(name), bundlePathOf(release)].map(touch)
      const timer = setInterval(touchAll, unusedMs / 4).unref()
      return () => clearInterval(timer)
    },
  }
}

/** Files of releases that were looked up by version. */
const versionPrefix = 'version-'

/** Enough to go back and forth between releases. */
const keptVersions = 5

/** Longer than a download and a load take, as other processes may be at it. */
const unusedMs = 3_600_000
