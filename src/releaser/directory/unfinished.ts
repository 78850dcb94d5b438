import { join } from 'node:path'
import { type FileSystem, type HostProcesses, makeDirectory, type WorkFolders, workFolders } from '../../store/index.js'

/** Where a registry is, and what writes there. */
export interface RegistryFolder {
  readonly path: string
  readonly processes: HostProcesses
  readonly fileSystem: FileSystem
}

// How many writes of this process are under way per folder: the last one removes the folder.
const writers = new Map<string, number>()

/**
 * Gives `work` the folder of this process for what has no name yet. Other processes that write to the same registry have
 * their own, so that nobody takes the files of one that lives for what a crash left.
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
