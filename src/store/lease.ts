// A lease is a file whose owner changes it now and then. Its age is read from the file system's clock, which is one clock
// for all hosts and containers that share the folder; their own clocks may differ or jump.
import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, removeQuietly } from './atomic-files.js'
import { type FileSystem, nodeFileSystem } from './file-system.js'
import { isAbsent, storageFailed } from './storage-failed.js'

/** How long the owner of a lease may stay silent. Its sign of life comes twelve times as often. */
export const leaseMs = 120_000
const renewalMs = leaseMs / 12

/** Changes the file's mtime every ten seconds until the returned function is called. Does not keep the process alive. */
export function renewLease(path: string, fileSystem = nodeFileSystem): () => void {
  // A renewal that fails is made up for by the next; an owner that stays silent too long loses the lease and sees that in `check`.
  const timer = setInterval(() => renew(path, fileSystem).catch(() => {}), renewalMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Writes the first byte again: only a write makes the server of a shared folder set mtime by its own clock. */
async function renew(path: string, { open }: FileSystem): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    const { bytesRead } = await file.read(byte, 0, 1, 0)
    if (bytesRead === 1) await file.write(byte, 0, 1, 0)
  } finally {
    await file.close()
  }
}

/** The time since the last change of a file or folder, by a clock that reads `nowMs`; `undefined` if there is none. */
export async function ageMs(path: string, nowMs: number): Promise<number | undefined> {
  try {
    return nowMs - (await stat(path)).mtimeMs
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw storageFailed('read', path, error)
  }
}

/** What the clock of the file system reads, in milliseconds since 1970: the mtime of a file made for the question. */
export async function fileSystemNowMs(folder: string, fileSystem = nodeFileSystem): Promise<number> {
  const path = join(folder, `.now.${randomUUID()}.tmp`)
  try {
    await makeDirectory(folder, fileSystem)
    const file = await fileSystem.open(path, 'wx')
    try {
      await file.write('\n')
      return (await file.stat()).mtimeMs
    } finally {
      await file.close()
    }
  } catch (error) {
    throw storageFailed('write', path, error)
  } finally {
    await removeQuietly(path, fileSystem)
  }
}
