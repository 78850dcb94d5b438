import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SheikhError } from '../core/index.js'
import { errnoOf } from './storage-failed.js'

/** Makes a new folder for temporary files, which the caller removes. @param prefix of its name. @throws `storage-failed`. */
export async function temporaryFolder(prefix: string): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), prefix))
  } catch (error) {
    const errno = errnoOf(error)
    throw new SheikhError(
      'storage-failed',
      `Cannot make a temporary folder in "${tmpdir()}" (${errno}). Set the variable TMPDIR to a folder that this user can write to and that has space, then run again.`,
      { facts: { path: tmpdir(), errno }, cause: error, retryable: true },
    )
  }
}
