import { randomUUID } from 'node:crypto'
import { chmod, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, removeQuietly, storageFailed } from '../../../store/index.js'

/**
 * Replaces a file of the work tree by an entry of a commit: the path shows the old content or the new. Not flushed, as in
 * git: the commit has the content.
 *
 * @param gitFolder holds the temporary file, so that a crash leaves no unknown file in the work tree.
 */
export async function replaceEntry(path: string, blob: Uint8Array, mode: string, gitFolder: string): Promise<void> {
  try {
    await replaceBy(temporaryIn(gitFolder), path, blob, mode).catch(async (error: unknown) => {
      // Folders of the work tree may be mounted from elsewhere.
      if (errnoOf(error) !== 'EXDEV') throw error
      await replaceBy(temporaryIn(dirname(path)), path, blob, mode)
    })
  } catch (error) {
    throw storageFailed('write', path, error)
  }
}

const temporaryIn = (folder: string) => join(folder, `.restored.${randomUUID()}.tmp`)

async function replaceBy(temporary: string, path: string, blob: Uint8Array, mode: string): Promise<void> {
  try {
    if (mode === '120000') await symlink(Buffer.from(blob).toString(), temporary)
    else {
      await writeFile(temporary, blob, { flag: 'wx' })
      await chmod(temporary, mode === '100755' ? 0o755 : 0o644)
    }
    await rename(temporary, path)
  } catch (error) {
    await removeQuietly(temporary)
    throw error
  }
}
