import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import type { Git } from './git.js'

/**
 * Removes the file of an object if its bytes are not those of the object's name: a crash left it empty or cut off. Git
 * takes such a file for the object and never writes it again.
 *
 * @returns whether there was such a file.
 */
export async function removeDamagedObject({ commonDirectory }: Git, oid: string): Promise<boolean> {
  const path = join(commonDirectory, 'objects', oid.slice(0, 2), oid.slice(2))
  const bytes = await readFile(path).catch(() => undefined)
  if (bytes === undefined || isWholeObject(bytes, oid)) return false
  await rm(path, { force: true })
  return true
}

/** gitformat-loose: the object, deflated; its name is the digest of the bytes before that. */
export function isWholeObject(bytes: Uint8Array, oid: string): boolean {
  try {
    const algorithm = oid.length === 64 ? 'sha256' : 'sha1'
    return createHash(algorithm).update(inflateSync(bytes)).digest('hex') === oid
  } catch {
    return false
  }
}
