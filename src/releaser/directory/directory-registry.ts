import { plainPath } from '../../core/index.js'
import { type FileSystem, type HostProcesses, hostProcesses, nodeFileSystem } from '../../store/index.js'
import { type Releaser, storedRegistry } from '../index.js'
import { directoryStorage } from './directory-storage.js'

export interface DirectoryRegistryOptions {
  /** Detects unfinished work of processes that have ended. @default the processes of this host */
  readonly processes?: HostProcesses | undefined
  /** The file system to write to. @default the disk */
  readonly fileSystem?: FileSystem | undefined
}

/**
 * Releases in a folder: `bundles/<digest>/`, `pending/<version>-<digest>/`, `releases/<version>.json`,
 * `withdrawals/<version>.json`, `removals/<version>.json`, `channels/<name>/<number>.json`. Readers use only `releases/`, where
 * each file appears atomically. If two writers race, one gets `release-conflict`. Each process writes unfinished files to its
 * own folder below `pending/`.
 *
 * @param path of the folder; created by the first write.
 */
export function directoryRegistry(
  path: string,
  { processes = hostProcesses, fileSystem = nodeFileSystem }: DirectoryRegistryOptions = {},
): Releaser {
  plainPath(path, 'the path of a registry')
  return storedRegistry(directoryStorage({ path, processes, fileSystem }), {
    name: 'directory',
    describe: () => ({ path }),
    fileSystem,
  })
}
