import { readdir } from 'node:fs/promises'
import { SheikhError } from '../core/index.js'
import { makeDirectory } from './atomic-files.js'
import { nodeFileSystem } from './file-system.js'
import { isAbsent, storageFailed } from './storage-failed.js'

/** The names in a folder. Empty if the folder does not exist. @throws `storage-failed` if it cannot be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw storageFailed('read', folder, error)
  }
}

/** Creates a folder if it does not exist. @param action what fails, such as "open 1.0.0 into". @throws `invalid-options` if the folder contains anything. */
export async function makeEmptyFolder(folder: string, action: string, fileSystem = nodeFileSystem): Promise<void> {
  await makeDirectory(folder, fileSystem)
  if ((await namesIn(folder)).length > 0) throw folderNotEmpty(folder, action)
}

export const folderNotEmpty = (folder: string, action: string) =>
  new SheikhError(
    'invalid-options',
    `Cannot ${action} ${JSON.stringify(folder)}: the folder is not empty. Name a folder that is absent or empty.`,
    { facts: { path: folder } },
  )
