import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Names, contents and times of change of all that is in a folder. */
export async function digestOfFolder(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const names = (await readdir(folder, { recursive: true })).sort()
  for (const name of names) {
    const facts = await stat(join(folder, name))
    hash.update(JSON.stringify([name, facts.mtimeMs]))
    if (facts.isFile()) hash.update(await readFile(join(folder, name)))
  }
  return hash.digest('hex')
}
