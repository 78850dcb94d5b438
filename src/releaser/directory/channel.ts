import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { createExclusively, readTextFile, storageFailed } from '../../store/index.js'
import { checkedChannel, isVersion } from '../index.js'
import { type RegistryFolder, unfinishedIn } from './unfinished.js'

/**
 * A channel: a name that points at a version and can move. Each move creates a file with the next number exclusively. If two
 * processes race for a number, one fails. After a crash, the highest number is either the old or the new one.
 */
export function channelOf(registry: RegistryFolder, name: string) {
  const { fileSystem } = registry
  const folder = join(registry.path, 'channels', checkedChannel(name))

  async function read(): Promise<{ readonly number: number; readonly version?: string | undefined }> {
    const number = Math.max(0, ...(await numbersIn(folder)))
    if (number === 0) return { number }
    const file = join(folder, fileName(number))
    const document = parse(await readTextFile(file))
    if (isVersion(document?.version)) return { number, version: document.version }
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot read the channel "${name}": "${file}" contains no version. Restore the registry from a backup.`,
      { facts: { file } },
    )
  }

  return {
    read,
    /** Compare-and-set. @throws `release-conflict`. */
    async point(version: string, expected: string | undefined): Promise<void> {
      const { number, version: current } = await read()
      if (current === version) return
      const moved =
        current !== expected ||
        !(await unfinishedIn(registry, ({ own }) =>
          createExclusively(join(folder, fileName(number + 1)), `${JSON.stringify({ formatVersion: 1, version })}\n`, {
            temporaryFolder: own,
            fileSystem,
          }),
        ))
      if (moved)
        throw new SheikhError(
          'release-conflict',
          `Cannot point the channel "${name}" at ${version}: it now points at ${(await read()).version ?? 'no release'} instead of ${expected ?? 'no release'}. Run again.`,
          {
            facts: { channel: name, version, expected },
            retryable: true,
          },
        )
    },
  }
}

/** The channels of a registry. */
export async function channelNames(registry: string): Promise<readonly string[]> {
  const folder = join(registry, 'channels')
  try {
    return (await readdir(folder)).filter((name) => /^[a-z0-9][a-z0-9-]*$/.test(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw storageFailed('read', folder, error)
  }
}

const fileName = (number: number) => `${String(number).padStart(8, '0')}.json`

async function numbersIn(folder: string): Promise<readonly number[]> {
  try {
    return (await readdir(folder)).flatMap((name) => (/^\d{8}\.json$/.test(name) ? [Number(name.slice(0, 8))] : []))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw storageFailed('read', folder, error)
  }
}

function parse(text: string | undefined): { version?: unknown } | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as { version?: unknown })
  } catch {
    return undefined
  }
}
