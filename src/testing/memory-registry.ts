import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, digestBytes, SheikhError } from '../core/index.js'
import {
  notHeld,
  type PendingRelease,
  pendingName,
  type Releaser,
  type ReleaseStorage,
  storedRegistry,
} from '../releaser/index.js'
import { writeFileAtomic } from '../store/index.js'

export type RegistryMethod = 'current' | 'prepare' | 'verify' | 'publish' | 'point' | 'discard' | 'withdraw' | 'open'

export interface MemoryRegistryOptions {
  /** Errors for methods to throw each time they are called. */
  readonly failures?: Partial<Record<RegistryMethod, unknown>> | undefined
}

/** A registry in memory, for tests of code that uses a registry. Fulfils the `Releaser` contract, but does not outlive the process. */
export function memoryRegistry({ failures = {} }: MemoryRegistryOptions = {}): Releaser {
  const registry = storedRegistry(memoryStorage(), { name: 'memory', describe: () => null })
  const failing = Object.entries(failures)
    .filter(([, failure]) => failure !== undefined)
    .map(([method, failure]) => [
      method,
      async (...parameters: readonly unknown[]) => {
        ;(parameters.at(-1) as CallContext).signal.throwIfAborted()
        throw failure
      },
    ])
  return { ...registry, ...(Object.fromEntries(failing) as Partial<Releaser>) }
}

function memoryStorage(): ReleaseStorage {
  const documents = new Map<string, string>()
  /** Files by the digest of their bundle and their path. */
  const bundles = new Map<string, ReadonlyMap<string, Uint8Array>>()

  async function verifyBundle({ version, bundle, manifest }: PendingRelease): Promise<void> {
    const files = bundles.get(bundle)
    for (const { path, digest } of manifest.files) {
      const bytes = files?.get(path)
      if (bytes !== undefined && digestBytes(bytes) === digest) continue
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot verify ${version}: the registry does not have "${path}" as prepared. Prepare the release again.`,
        { facts: { version, path } },
      )
    }
  }

  return {
    hasChecksums: false,
    addressOf: (name) => `memory:${name}`,
    read: async (name) => documents.get(name),
    list: async (folder) => [...documents.keys()].filter((name) => name.startsWith(`${folder}/`)).sort(),

    async createExclusively(name, text) {
      if (documents.has(name)) return false
      documents.set(name, text)
      return true
    },

    async putPending({ pending, directory, encode }) {
      const { bundle, manifest } = pending
      if (!bundles.has(bundle)) {
        if (directory === undefined) throw notHeld(bundle)
        const files = new Map<string, Uint8Array>()
        for (const { path, digest } of manifest.files) {
          const bytes = await readFile(join(directory, path))
          if (digestBytes(bytes) !== digest)
            throw new SheikhError(
              'artifact-corrupt',
              `Cannot prepare the bundle: "${path}" changed since it was read. Read the bundle again.`,
              { facts: { path } },
            )
          files.set(path, bytes)
        }
        bundles.set(bundle, files)
      }
      documents.set(pendingName(pending), encode({}))
    },

    async replacePending(pending, text) {
      documents.set(pendingName(pending), text)
    },

    async removePending(pending) {
      documents.delete(pendingName(pending))
    },

    verifyBundle,
    placeBundle: verifyBundle,

    async openBundle({ bundle }, directory) {
      for (const [path, bytes] of bundles.get(bundle)!) await writeFileAtomic(join(directory, path), bytes)
    },

    async removeBundle(bundle) {
      bundles.delete(bundle)
    },
  }
}
