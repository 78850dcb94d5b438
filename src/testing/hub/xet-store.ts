import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The name that xet has for a large file, where it came by xet. */
export async function xetHashOf(folder: string, oid: string): Promise<string | undefined> {
  return readFile(join(folder, 'sha256', oid), 'utf8').catch(() => undefined)
}
