import { randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Whoever reads the file sees the old bytes or the new ones.
 * @param aside for a folder in which every file means something.
 */
export async function writeWhole(path: string, bytes: Uint8Array | string, aside = dirname(path)): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = join(aside, `${randomUUID()}.tmp`)
  await writeFile(temporary, bytes)
  await rename(temporary, path)
}
