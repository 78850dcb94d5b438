import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hexOf } from '../../core/index.js'
import { makeDirectory, removeQuietly } from '../atomic-files.js'
import { nodeFileSystem } from '../file-system.js'
import { storageFailed } from '../storage-failed.js'
import type { CheckpointStore } from '../store.js'

// Somebody who goes back and forth between two changes finds both; more would fill the disk with what nobody asks for.
const othersKept = 2

/** A folder for each key, by the digits of its digest; its time of change is when it was last asked for. */
export function directoryCheckpoints(root: string, fileSystem = nodeFileSystem): CheckpointStore {
  return {
    async folder(key) {
      const name = hexOf(key)
      const path = join(root, name)
      await makeDirectory(path, fileSystem)
      try {
        const now = new Date()
        await fileSystem.utimes(path, now, now)
        const others = await Promise.all(
          (await readdir(root))
            .filter((other) => other !== name)
            .map(async (other) => ({ other, usedMs: (await stat(join(root, other))).mtimeMs })),
        )
        others.sort((left, right) => right.usedMs - left.usedMs)
        for (const { other } of others.slice(othersKept)) await removeQuietly(join(root, other), fileSystem)
        return path
      } catch (error) {
        throw storageFailed('use the folder', path, error)
      }
    },
    remove: (key) => removeQuietly(join(root, hexOf(key)), fileSystem),
  }
}
