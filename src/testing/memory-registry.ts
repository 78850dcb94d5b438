import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { digestBytes, SheikhError } from '../core/index.js'
import { type Bundle, type PendingRelease, parseVersion, type Release, type Releaser } from '../releaser/index.js'

export type RegistryMethod = 'current' | 'prepare' | 'verify' | 'publish' | 'point' | 'discard' | 'withdraw' | 'open'

export interface MemoryRegistryOptions {
  /** Errors for methods to throw each time they are called. */
  readonly failures?: Partial<Record<RegistryMethod, unknown>> | undefined
}

/** A registry in memory, for tests of code that uses a registry. Fulfils the `Releaser` contract, but does not outlive the process. */
export function memoryRegistry({ failures = {} }: MemoryRegistryOptions = {}): Releaser {
  const bundles = new Map<string, ReadonlyMap<string, Uint8Array>>()
  const pendingReleases = new Map<string, PendingRelease>()
  const releases: Release[] = []
  const channels = new Map<string, string>()

  const keyOf = ({ version, bundle }: PendingRelease) => `${version} ${bundle}`
  const find = (version: string) => releases.find((release) => release.version === version)
  const enter = (method: RegistryMethod, signal: AbortSignal) => {
    signal.throwIfAborted()
    if (failures[method] !== undefined) throw failures[method]
  }
  const taken = (version: string) =>
    new SheikhError(
      'release-conflict',
      `Cannot release ${version}: the version is taken. Run again, for the next one.`,
      { retryable: true },
    )
  const absent = (version: string) => new SheikhError('not-found', `There is no release ${version} in the registry.`)

  return {
    contract: 1,
    name: 'memory',
    version: '1',
    describe: () => null,

    async current(channel, { signal }) {
      enter('current', signal)
      const version = channels.get(channel)
      return version === undefined ? undefined : find(version)
    },

    async channels({ signal }) {
      signal.throwIfAborted()
      return Object.fromEntries(channels)
    },

    async *history({ signal }) {
      signal.throwIfAborted()
      yield* [...releases].reverse()
    },

    async prepare({ bundle, version, postPublish, record }, { signal }) {
      enter('prepare', signal)
      const there = find(parseVersion(version))
      if (there !== undefined && there.bundle !== bundle.digest) throw taken(version)
      if (!bundles.has(bundle.digest)) {
        const { directory } = bundle
        if (directory === undefined)
          throw new SheikhError('not-found', `The registry does not hold the bundle ${bundle.digest}.`)
        bundles.set(bundle.digest, await readFiles({ ...bundle, directory }))
      }
      const pending: PendingRelease = {
        formatVersion: 1,
        version,
        bundle: bundle.digest,
        manifest: bundle.manifest,
        postPublish,
        record,
      }
      pendingReleases.set(keyOf(pending), pending)
      return pending
    },

    async *pending({ signal }) {
      signal.throwIfAborted()
      for (const pending of pendingReleases.values()) yield { pending, publishing: false }
    },

    async verify(pending, { signal }) {
      enter('verify', signal)
      const files = bundles.get(pending.bundle)
      for (const { path, digest } of pending.manifest.files) {
        const bytes = files?.get(path)
        if (bytes === undefined || digestBytes(bytes) !== digest)
          throw new SheikhError(
            'artifact-corrupt',
            `Cannot verify ${pending.version}: "${path}" is not what was prepared.`,
          )
      }
    },

    async publish(pending, { signal, clock }) {
      enter('publish', signal)
      const there = find(pending.version)
      if (there !== undefined && (there.bundle !== pending.bundle || there.record.runId !== pending.record.runId))
        throw taken(pending.version)
      if (!bundles.has(pending.bundle))
        throw new SheikhError('artifact-corrupt', `Cannot publish ${pending.version}: its bundle was never prepared.`)
      const release: Release = there ?? { ...pending, publishedAtMs: clock.nowMs() }
      if (there === undefined) releases.push(release)
      pendingReleases.delete(keyOf(pending))
      return release
    },

    async point(channel, version, expected, { signal }) {
      enter('point', signal)
      if (find(version) === undefined) throw absent(version)
      const current = channels.get(channel)
      if (current === version) return
      if (current !== expected)
        throw new SheikhError(
          'release-conflict',
          `Cannot point "${channel}" at ${version}: it points at ${current ?? 'nothing'}. Run again.`,
          { retryable: true },
        )
      channels.set(channel, version)
    },

    async discard(pending, { signal }) {
      enter('discard', signal)
      pendingReleases.delete(keyOf(pending))
    },

    async withdraw(version, reason, { signal, clock }) {
      enter('withdraw', signal)
      const index = releases.findIndex((release) => release.version === version)
      if (index < 0) throw absent(version)
      const release = releases[index]!
      if (release.withdrawn === undefined) releases[index] = { ...release, withdrawn: { reason, atMs: clock.nowMs() } }
    },

    async remove(version, { signal, clock }) {
      signal.throwIfAborted()
      const release = find(version)
      if (release === undefined) throw absent(version)
      if ([...channels.values()].includes(version))
        throw new SheikhError('release-conflict', `Cannot remove ${version}: a channel points at it.`)
      if (release.removedAtMs !== undefined) return
      releases[releases.indexOf(release)] = { ...release, removedAtMs: clock.nowMs() }
      const used = [...releases.filter(({ removedAtMs }) => removedAtMs === undefined), ...pendingReleases.values()]
      if (!used.some(({ bundle }) => bundle === release.bundle)) bundles.delete(release.bundle)
    },

    async open(version, directory, { signal }) {
      enter('open', signal)
      const release = find(version)
      if (release === undefined || release.removedAtMs !== undefined) throw absent(version)
      await mkdir(directory, { recursive: true })
      if ((await readdir(directory)).length > 0)
        throw new SheikhError('invalid-options', `Cannot open ${version} into "${directory}": the folder is not empty.`)
      for (const [path, bytes] of bundles.get(release.bundle)!) {
        await mkdir(dirname(join(directory, path)), { recursive: true })
        await writeFile(join(directory, path), bytes)
      }
      return { digest: release.bundle, manifest: release.manifest, directory }
    },
  }
}

async function readFiles({ manifest, directory }: Bundle): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const { path, digest } of manifest.files) {
    const bytes = await readFile(join(directory, path))
    if (digestBytes(bytes) !== digest)
      throw new SheikhError('artifact-corrupt', `Cannot prepare the bundle: "${path}" changed since it was read.`)
    files.set(path, bytes)
  }
  return files
}
