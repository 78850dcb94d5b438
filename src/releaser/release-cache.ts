import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, digestJson, hexOf, isSheikhError, messageOf, plainPath, SheikhError } from '../core/index.js'
import { makeDirectory, readJsonFile, storageFailed, writeFileAtomic } from '../store/index.js'
import { readBundle } from './bundle.js'
import { parseRelease } from './parse-release.js'
import type { Bundle, Release, Releaser } from './releaser.js'

/** Bundles by digest, and what each registry said last, in a folder that any number of processes share. */
export interface ReleaseCache {
  /** What `find` says; where the registry cannot be reached, what it said last. */
  find(name: string, find: () => Promise<Release | undefined>): Promise<Release | undefined>
  /** The bundle, in the cache's own folder: not to be changed. Every file is hashed again. */
  open(release: Release): Promise<Bundle>
}

export function releaseCache(directory: string, releaser: Releaser, context: CallContext): ReleaseCache {
  plainPath(directory, 'the cache of releases')
  const registry = { name: releaser.name, version: releaser.version ?? null, describe: releaser.describe() }

  async function kept(path: string): Promise<Release | undefined> {
    const value = await readJsonFile(path)
    return value === undefined ? undefined : parseRelease(value, path)
  }

  /** A cache that cannot be written, like one in an image, serves all the same. */
  async function keep(path: string, release: Release): Promise<void> {
    try {
      await writeFileAtomic(path, JSON.stringify(release))
    } catch (error) {
      context.log.warn(`The cache cannot be written: ${messageOf(error)}`)
    }
  }

  /** What is there and whole. */
  async function held(path: string, { bundle }: Release): Promise<Bundle | undefined> {
    try {
      const found = await readBundle(path, context)
      if (found.digest === bundle) return found
    } catch (error) {
      if (isSheikhError(error, 'not-found')) return undefined
      if (!isSheikhError(error, 'artifact-corrupt')) throw error
    }
    context.log.warn(`The cached bundle "${path}" is damaged: fetching it again.`)
    await rm(path, { recursive: true, force: true })
    return undefined
  }

  return {
    async find(name, find) {
      const path = join(directory, 'releases', `${hexOf(digestJson({ registry, name }))}.json`)
      try {
        const release = await find()
        if (release !== undefined) await keep(path, release)
        return release
      } catch (error) {
        if (!isSheikhError(error, 'remote-failed')) throw error
        const before = await kept(path)
        if (before === undefined) throw error
        context.log.warn(
          `The registry cannot be reached (${messageOf(error)}): using ${before.version}, which it named last.`,
        )
        return before
      }
    },

    async open(release) {
      const path = join(directory, 'bundles', hexOf(release.bundle))
      const there = await held(path, release)
      if (there !== undefined) return there
      await makeDirectory(join(directory, 'bundles'))
      const fetching = await mkdtemp(join(directory, 'bundles', '.fetching-'))
      try {
        await releaser.open(release.version, join(fetching, 'bundle'), context)
        // Another process may have been faster: its bundle is as good.
        await rename(join(fetching, 'bundle'), path).catch(async (error: unknown) => {
          const { code } = error as NodeJS.ErrnoException
          if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw storageFailed('keep the bundle in', path, error)
        })
      } finally {
        await rm(fetching, { recursive: true, force: true })
      }
      const bundle = await held(path, release)
      if (bundle !== undefined) return bundle
      throw new SheikhError('artifact-corrupt', `Cannot use the cached bundle "${path}": it is not whole. Try again.`)
    },
  }
}
