import { randomUUID } from 'node:crypto'
import { lstat, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CallContext } from '../../core/index.js'
import type { LargeFile } from '../../dataset/index.js'
import { hostProcesses, isProcessGone, makeDirectory, processName } from '../../store/index.js'

/**
 * Where an interrupted download is kept. A download takes the file away, so that no other one writes to it, as in
 * https://github.com/git-lfs/git-lfs/blob/main/tq/basic_download.go.
 */
const partOf = (storage: string, { oid }: LargeFile) => join(storage, 'incomplete', `${oid}.part`)

/** git-lfs removes older files of this folder. */
const abandonedMs = 3_600_000
const temporaryFolder = (storage: string) => join(storage, 'tmp')

/** A new file for a download; it receives `<path>.part`. Names this process, so that others see when it was killed. */
export const temporaryOf = (storage: string, { oid }: LargeFile): string =>
  join(temporaryFolder(storage), `${oid}-${processName(hostProcesses)}-${randomUUID()}`)

/** Takes the longest file of an interrupted download away. @returns the bytes that it has, 0 if there is none. */
export async function claimPart(
  storage: string,
  target: string,
  file: LargeFile,
  context: CallContext,
): Promise<number> {
  const found: { readonly path: string; readonly sizeBytes: number }[] = []
  for (const path of [partOf(storage, file), ...(await leftParts(storage, file, context))]) {
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isFile() && stats.size > 0 && stats.size < file.sizeBytes) found.push({ path, sizeBytes: stats.size })
  }
  for (const { path } of found.sort((left, right) => right.sizeBytes - left.sizeBytes)) {
    try {
      await makeDirectory(dirname(target))
      await rename(path, target)
      return (await lstat(target)).size
    } catch {
      // Another download took the file.
    }
  }
  return 0
}

/** Files of downloads whose process was killed, so that it could not keep them. */
async function leftParts(storage: string, { oid }: LargeFile, context: CallContext): Promise<readonly string[]> {
  const left: string[] = []
  for (const name of await readdir(temporaryFolder(storage)).catch(() => [])) {
    const [, process] = /^[0-9a-f]{64}-(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.part$/.exec(name) ?? []
    if (process === undefined || !name.startsWith(oid)) continue
    const path = join(temporaryFolder(storage), name)
    const isGone = await isProcessGone(process, hostProcesses)
    const stats = isGone === 'unseen' ? await lstat(path).catch(() => undefined) : undefined
    const isAbandoned = stats !== undefined && context.clock.nowMs() - stats.mtimeMs > abandonedMs
    if (isGone === true || isAbandoned) left.push(path)
  }
  return left
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
