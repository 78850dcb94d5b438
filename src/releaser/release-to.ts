import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, isSheikhError, messageOf, SheikhError } from '../core/index.js'
import { temporaryFolder } from '../store/index.js'
import { byVersion } from './release-order.js'
import type { PendingRelease, PendingState, PrepareRequest, Release, Releaser, Version } from './releaser.js'
import { compareVersions } from './version.js'

/**
 * Combines several registries into one. A release is prepared in all, verified in all, then published in all, in the given
 * order. After a crash before the first publication, the next run discards the release; after a later crash, the next run on
 * any machine completes it. A registry that is added later contains only later releases.
 *
 * @throws `invalid-options` if no registry is given, or one is given twice.
 */
export function releaseTo(registries: readonly Releaser[]): Releaser {
  if (registries.length === 0 || new Set(registries).size < registries.length)
    throw new SheikhError(
      'invalid-options',
      registries.length === 0
        ? 'Cannot release to several registries: none is given. Name at least one.'
        : 'Cannot release to several registries: one is given twice. Name each once.',
    )

  /** Runs `work` on all registries in parallel. If several fail, throws the error of the first in the given order. */
  async function inAll<V>(work: (registry: Releaser) => Promise<V>): Promise<readonly V[]> {
    const outcomes = await Promise.allSettled(registries.map(work))
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }

  /** Runs `work` in the given order on the registries that have the release. @throws `not-found` if none has it. */
  async function whereReleased(work: (registry: Releaser, index: number) => Promise<void>): Promise<void> {
    let absent: unknown
    let done = 0
    for (const [index, registry] of registries.entries()) {
      try {
        await work(registry, index)
        done += 1
      } catch (error) {
        if (!isSheikhError(error, 'not-found')) throw error
        absent = error
      }
    }
    if (done === 0) throw absent
  }

  /** After a crash between two registries, the newer release is the target for both. */
  function newestOf(found: readonly (Release | undefined)[]): Release | undefined {
    const [newest] = found.flatMap((release) => release ?? []).sort(byVersion)
    return newest && { ...newest, ...withdrawnIn(found, newest.version) }
  }

  async function history(context: CallContext): Promise<readonly Release[]> {
    const histories = await inAll((registry) => listed(registry.history(context)))
    const all = histories.flat()
    const releases = new Map<Version, Release>()
    for (const release of all) {
      const known = releases.get(release.version)
      if (known === undefined) releases.set(release.version, release)
      else if (!isSame(known, release)) throw differs(release.version)
    }
    return [...releases.values()]
      .sort(byVersion)
      .map((release) => ({ ...release, ...withdrawnIn(all, release.version) }))
  }

  async function prepareIn(registry: Releaser, request: PrepareRequest, context: CallContext): Promise<PendingRelease> {
    try {
      return await registry.prepare(request, context)
    } catch (error) {
      if (request.bundle.directory !== undefined || !isSheikhError(error, 'not-found')) throw error
      const others = registries.filter((other) => other !== registry)
      return await withBundle(others, request.bundle.digest, context, error, (directory) =>
        registry.prepare({ ...request, bundle: { ...request.bundle, directory } }, context),
      )
    }
  }

  return {
    contract: 1,
    name: 'several',
    version: '1',
    describe: () => registries.map((registry) => ({ name: registry.name, describe: registry.describe() })),

    async current(channel, context) {
      return newestOf(await inAll((registry) => registry.current(channel, context)))
    },

    async channels(context) {
      const found: Record<string, Version> = {}
      for (const channels of await inAll((registry) => registry.channels(context)))
        for (const [name, version] of Object.entries(channels))
          if (found[name] === undefined || compareVersions(version, found[name]) > 0) found[name] = version
      return found
    },

    async *history(context) {
      yield* await history(context)
    },

    async *unexplained(context) {
      for (const registry of registries) yield* registry.unexplained?.(context) ?? []
    },

    async prepare(request, context) {
      const [pending] = await inAll((registry) => prepareIn(registry, request, context))
      return pending!
    },

    async *pending(context) {
      const [states, releases] = [
        await inAll((registry) => listed(registry.pending(context))),
        await inAll((registry) => listed(registry.history(context))),
      ]
      const found = new Map<string, PendingState>()
      for (const { pending, publishing } of states.flat()) {
        const key = JSON.stringify([pending.version, pending.bundle, pending.record.runId])
        const isReleased = releases.flat().some((release) => isSame(release, pending))
        const isEverywhere = releases.every((history_) => history_.some((release) => isSame(release, pending)))
        found.set(key, {
          pending,
          publishing: publishing || (isReleased && !isEverywhere) || found.get(key)?.publishing === true,
        })
      }
      yield* found.values()
    },

    async verify(pending, context) {
      await inAll((registry) => registry.verify(pending, context))
    },

    async publish(pending, context) {
      const releases: Release[] = []
      // One after another: until the first registry has published, no registry has, and the release can still be discarded.
      for (const registry of registries) {
        try {
          releases.push(await registry.publish(pending, context))
        } catch (error) {
          if (releases.length === 0 || context.signal.aborted || !isSheikhError(error)) throw error
          const done = registries.slice(0, releases.length).map(({ name }) => name)
          throw new SheikhError(
            error.code,
            `Cannot publish ${pending.version} to ${registry.name}, but it is already published to ${done.join(', ')}: ${messageOf(error)} Run again to continue.`,
            { facts: { ...error.facts, version: pending.version, done }, cause: error, retryable: error.retryable },
          )
        }
      }
      return releases[0]!
    },

    async point(channel, version, expected, context) {
      const found = await inAll((registry) => registry.current(channel, context))
      const seen = newestOf(found)?.version
      if (seen !== expected && seen !== version)
        throw new SheikhError(
          'release-conflict',
          `Cannot point the channel "${channel}" at ${version}: it now points at ${seen ?? 'no release'} instead of ${expected ?? 'no release'}. Run again.`,
          { facts: { channel, version, expected }, retryable: true },
        )
      // One after another: if two processes race, the first registry lets only one of them continue.
      await whereReleased((registry, index) => registry.point(channel, version, found[index]?.version, context))
    },

    async discard(pending, context) {
      await inAll((registry) => registry.discard(pending, context))
    },

    async withdraw(version, reason, context) {
      await whereReleased((registry) => registry.withdraw(version, reason, context))
    },

    async remove(version, context) {
      await whereReleased((registry) => registry.remove(version, context))
    },

    async open(version, directory, context) {
      let failure: unknown
      for (const registry of registries) {
        try {
          return await registry.open(version, directory, context)
        } catch (error) {
          if (context.signal.aborted || isSheikhError(error, 'invalid-options')) throw error
          // A damaged copy in one registry is more informative than its absence in another.
          if (failure === undefined || isSheikhError(failure, 'not-found')) failure = error
          await emptyFolder(directory)
        }
      }
      throw failure
    },
  }
}

/** Downloads a bundle from a registry that has it into a temporary folder. @throws `absent` if none has it. */
async function withBundle<V>(
  registries: readonly Releaser[],
  bundle: string,
  context: CallContext,
  absent: unknown,
  use: (directory: string) => Promise<V>,
): Promise<V> {
  for (const registry of registries)
    for await (const release of registry.history(context)) {
      if (release.bundle !== bundle) continue
      const directory = await temporaryFolder('sheikh-bundle-')
      try {
        await registry.open(release.version, directory, context)
        return await use(directory)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }
  throw absent
}

async function emptyFolder(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names) await rm(join(directory, name), { recursive: true, force: true })
}

async function listed<V>(items: AsyncIterable<V>): Promise<readonly V[]> {
  const all: V[] = []
  for await (const item of items) all.push(item)
  return all
}

const isSame = (left: PendingRelease, right: PendingRelease) =>
  left.version === right.version && left.bundle === right.bundle && left.record.runId === right.record.runId

/** A release that is withdrawn in one registry counts as withdrawn: the others lag behind. */
function withdrawnIn(releases: readonly (Release | undefined)[], version: Version): Pick<Release, 'withdrawn'> {
  const marked = releases.find((release) => release?.version === version && release.withdrawn !== undefined)
  return marked?.withdrawn === undefined ? {} : { withdrawn: marked.withdrawn }
}

const differs = (version: Version) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust the release ${version}: two registries contain different releases under this version. Remove the release that is not yours.`,
    { facts: { version } },
  )
