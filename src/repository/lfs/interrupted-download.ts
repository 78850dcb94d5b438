import { lstat, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { LargeFile } from '../../dataset/index.js'
import { makeDirectory } from '../../store/index.js'

/**
 * Where an interrupted download is kept. A download takes the file away, so that no other one writes to it, as in
 * https://github.com/git-lfs/git-lfs/blob/main/tq/basic_download.go.
 */
const partOf = (storage: string, { oid }: LargeFile) => join(storage, 'incomplete', `${oid}.part`)

/** Takes the file of an interrupted download away. @returns the bytes that it has, 0 if there is none. */
export async function claimPart(storage: string, target: string, file: LargeFile): Promise<number> {
  const part = partOf(storage, file)
  const stats = await lstat(part).catch(() => undefined)
  if (!stats?.isFile() || stats.size === 0 || stats.size >= file.sizeBytes) return 0
  try {
    await makeDirectory(dirname(target))
    await rename(part, target)
    return (await lstat(target)).size
  } catch {
    return 0
  }
}

/** Keeps what a download received before it failed. */
export async function keepPart(storage: string, path: string, file: LargeFile): Promise<void> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined || stats.size === 0) return
  try {
    await makeDirectory(dirname(partOf(storage, file)))
    await rename(path, partOf(storage, file))
  } catch {
    // The next download begins anew.
  }
}
