import { join } from 'node:path'
import { type FileSystem, type HostProcesses, makeDirectory, type WorkFolders, workFolders } from '../../store/index.js'

/** The folder of a registry and the file system that writes to it. */
export interface RegistryFolder {
  readonly path: string
  readonly processes: HostProcesses
  readonly fileSystem: FileSystem
}

// The number of writes in progress per folder in this process. The last write removes the folder.
const writers = new Map<string, number>()

/**
 * Passes `work` this process's own folder for unfinished files. Each process has its own, so that no process mistakes the
 * files of a running process for remains of a crash.
 */
export async function unfinishedIn<V>(
  { path, processes, fileSystem }: RegistryFolder,
  work: (folders: WorkFolders) => Promise<V>,
): Promise<V> {
  const folders = workFolders(join(path, 'pending'), processes, fileSystem)
  writers.set(folders.own, (writers.get(folders.own) ?? 0) + 1)
  try {
    await makeDirectory(folders.own, fileSystem)
    return await work(folders)
  } finally {
    const others = writers.get(folders.own)! - 1
    writers.set(folders.own, others)
    if (others === 0) {
      writers.delete(folders.own)
      await fileSystem.rmdir(folders.own).catch(() => {})
    }
  }
}
