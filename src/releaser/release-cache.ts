import { mkdtemp, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, digestJson, hexOf, isSheikhError, messageOf, plainPath, SheikhError } from '../core/index.js'
import { makeDirectory, namesIn, readJsonFile, storageFailed, writeFileAtomic } from '../store/index.js'
import { readBundle } from './bundle.js'
import type { ReleaseReader } from './load-release.js'
import { parseRelease } from './parse-release.js'
import type { Bundle, Release } from './releaser.js'

/**
 * A folder of bundles by digest and of the last known release per channel or version. Several processes may share it. Keeps the
 * bundles of the last and of the previous release per name, and removes others one hour after they were last opened or used.
 */
export interface ReleaseCache {
  /** Returns the result of `find`, or the release that was last kept if the registry is unreachable. */
  find(name: string, find: () => Promise<Release | undefined>): Promise<Release | undefined>
  /** Keeps a release that could be loaded as the last known one. */
  keep(name: string, release: Release): Promise<void>
  /** Returns the bundle inside the cache folder, every file hashed again. Do not modify it. */
  open(release: Release): Promise<Bundle>
  /** Other processes keep the bundle until the returned function is called: a model may read its files again. */
  use(release: Release): () => void
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
  async function touch(release: Release): Promise<void> {
    const now = context.clock.nowMs() / 1000
    await utimes(bundlePathOf(release), now, now).catch(() => {})
  }

  const pathOf = (name: string) => join(directory, 'releases', `${hexOf(digestJson({ registry, name }))}.json`)

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
        await prune()
      } catch (error) {
        // A read-only cache, such as one in a container image, is still used for reading.
        context.log.warn(`Cannot write to the release cache: ${messageOf(error)}`)
      }
    },

    async open(release) {
      const path = bundlePathOf(release)
      // First, so that another process does not remove it while it is read.
      await touch(release)
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

    use(release) {
      const timer = setInterval(() => void touch(release), unusedMs / 4).unref()
      return () => clearInterval(timer)
    },
  }
}

/** Longer than a download and a load take, as other processes may be at it. */
const unusedMs = 3_600_000
