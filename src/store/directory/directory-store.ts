import { join, resolve } from 'node:path'
import { plainPath } from '../../core/index.js'
import { type FileSystem, nodeFileSystem } from '../file-system.js'
import { heldLock, takeLock } from '../folder-lock.js'
import { type HostProcesses, hostProcesses } from '../processes.js'
import type { Store } from '../store.js'
import { workFolders } from '../work-folders.js'
import { directoryCheckpoints } from './checkpoints.js'
import { directoryObjects } from './objects.js'
import { directoryDocuments, directoryJournals, directoryKeys, directoryRuns } from './records.js'

export interface DirectoryStoreOptions {
  /** How the lock tells who lives. @default the processes of this host */
  readonly processes?: HostProcesses | undefined
  /** What writes. @default the disk */
  readonly fileSystem?: FileSystem | undefined
}

/**
 * A store in a folder of the local file system: `.sheikh/` of a project. Nothing is written before something is kept.
 *
 * The folder must be on one file system. Containers and hosts may share it: the lock has a lease.
 */
export function directoryStore(
  path: string,
  { processes = hostProcesses, fileSystem = nodeFileSystem }: DirectoryStoreOptions = {},
): Store {
  const root = resolve(plainPath(path, 'the path of a store'))
  const work = workFolders(join(root, 'work'), processes, fileSystem)
  // What a crash leaves half written stands in the work folder, and goes with it.
  const writing = { temporaryFolder: work.own, fileSystem }
  return {
    contract: 1,
    name: 'directory',
    objects: directoryObjects(join(root, 'objects'), writing),
    keys: directoryKeys(join(root, 'keys'), writing),
    runs: directoryRuns(join(root, 'runs'), writing),
    documents: directoryDocuments(join(root, 'documents'), writing),
    journals: directoryJournals(join(root, 'journals'), writing),
    checkpoints: directoryCheckpoints(join(root, 'checkpoints'), fileSystem),
    async lock(purpose, context) {
      const lock = await takeLock(join(root, 'lock'), purpose, processes, writing, context)
      await work.clean()
      return lock
    },
    heldLock: (context) => heldLock(join(root, 'lock'), processes, writing, context),
    workDirectory: (purpose) => work.create(purpose),
  }
}
