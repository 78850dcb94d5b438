import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, removeQuietly } from './atomic-files.js'
import { nodeFileSystem } from './file-system.js'
import { ageMs, fileSystemNowMs } from './lease.js'
import { isProcessGone, processName } from './process-name.js'
import type { HostProcesses } from './processes.js'
import { checkName } from './records.js'
import { storageFailed } from './storage-failed.js'

// The folder of a process that cannot be seen from here is removed once nothing in it changed for a day.
const abandonedMs = 86_400_000

/** Where work in progress stands: a folder for each process, named for it, so that what the dead leave can be told. */
export interface WorkFolders {
  /** This process's own: for files that are not whole yet. */
  readonly own: string
  create(purpose: string): Promise<string>
  /** Removes the folders of processes that are gone. A folder whose process may live is left alone. Called by the lock's holder. */
  clean(): Promise<void>
}

export function workFolders(folder: string, processes: HostProcesses, fileSystem = nodeFileSystem): WorkFolders {
  const own = join(folder, processName(processes))

  const isLeft = async (name: string) => {
    const isGone = await isProcessGone(name, processes)
    if (isGone !== 'unseen') return isGone === true
    const age = await ageMs(join(folder, name), await fileSystemNowMs(own, fileSystem)).catch(() => undefined)
    return age !== undefined && age > abandonedMs
  }

  return {
    own,
    async create(purpose) {
      const path = join(own, `${checkName(purpose, "a work directory's purpose")}-${randomUUID()}`)
      await makeDirectory(own, fileSystem)
      try {
        await fileSystem.mkdir(path)
      } catch (error) {
        throw storageFailed('make the folder', path, error)
      }
      return path
    },
    async clean() {
      const names = await readdir(folder).catch(() => [])
      for (const name of names) if (await isLeft(name)) await removeQuietly(join(folder, name), fileSystem)
    },
  }
}
