import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
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

/** Objects of the ledger are far smaller; a larger object is not read only to check it. */
const mostCheckedBytes = 16 * 2 ** 20

/** Removes every loose object that a crash left empty or cut off. @returns their names. */
export async function removeDamagedObjects(git: Git): Promise<readonly string[]> {
  const objects = join(git.commonDirectory, 'objects')
  const removed: string[] = []
  for (const folder of (await readdir(objects)).filter((name) => /^[0-9a-f]{2}$/.test(name)))
    for (const rest of await readdir(join(objects, folder))) {
      const found = await stat(join(objects, folder, rest)).catch(() => undefined)
      if (!/^([0-9a-f]{38}|[0-9a-f]{62})$/.test(rest) || found === undefined || found.size > mostCheckedBytes) continue
      if (await removeDamagedObject(git, folder + rest)) removed.push(folder + rest)
    }
  return removed
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
