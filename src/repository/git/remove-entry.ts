import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Removes a file, and the folders that it leaves empty, as git does. */
export async function removeEntry(root: string, path: string): Promise<void> {
  await rm(join(root, path), { force: true })
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    try {
      await rmdir(join(root, folder))
    } catch {
      // It holds something else.
      return
    }
}
