import { randomUUID } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, removeQuietly } from '../atomic-files.js'
import { checkName } from '../records.js'
import { storageFailed } from '../storage-failed.js'
import type { Processes } from './processes.js'

/** Where work in progress stands: a folder for each process, named for it, so that what the dead leave can be told. */
export interface WorkFolders {
  /** This process's own: for files that are not whole yet. */
  readonly own: string
  create(purpose: string): Promise<string>
  /** Removes what processes that are gone have left; what another process still works on is left alone. */
  clean(): Promise<void>
}

export function workFolders(folder: string, processes: Processes): WorkFolders {
  const { pid, processStartTime } = processes.self()
  const ownName = `${pid}-${processStartTime ?? 'unknown'}`
  const own = join(folder, ownName)

  const isLeft = async (name: string) => {
    const match = /^(\d+)-(\d+|unknown)$/.exec(name)
    if (name === ownName || match === null) return false
    return !(await processes.isAlive(Number(match[1]), match[2] === 'unknown' ? undefined : match[2]))
  }

  return {
    own,
    async create(purpose) {
      const path = join(own, `${checkName(purpose, "a work directory's purpose")}-${randomUUID()}`)
      await makeDirectory(own)
      try {
        await mkdir(path)
      } catch (error) {
        throw storageFailed('make the folder', path, error)
      }
      return path
    },
    async clean() {
      const names = await readdir(folder).catch(() => [])
      for (const name of names) if (await isLeft(name)) await removeQuietly(join(folder, name))
    },
  }
}
