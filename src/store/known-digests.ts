// Hashing a large file takes longer than everything else that is done with it. So this process remembers the digest of each
// large file that it hashed or wrote, by the file's stamp. A write changes the stamp, unless it falls into the same tick of
// the file system's clock as the write before (git-scm.com/docs/racy-git). So a tick passes before a file is hashed, and
// before a file that was written gets its name. A program that writes through a memory map may change a file without changing
// its stamp: whoever copies a file hashes it, whatever is known.
import type { BigIntStats } from 'node:fs'
import { type FileHandle, link, lstat } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { Digest } from '../core/index.js'
import { fileStamp } from './stat-cache.js'

/** Files from this size on are remembered: hashing a smaller one takes no longer than the tick. */
export const largeFileBytes = 32 * 2 ** 20
/** Kernels count file times in steps of 10 ms or less. */
const tickMs = 20
const secondNs = 1_000_000_000n
/** The files of a few sharded models. */
const mostKnown = 4096

interface KnownFile {
  readonly stamp: string
  readonly digest: Digest
}

const known = new Map<string, KnownFile>()
const keyOf = ({ dev, ino }: BigIntStats) => `${dev}-${ino}`
const stampOf = (stats: BigIntStats) => fileStamp(stats).stamp

/** The digest of an open file that this process hashed or wrote, if the file did not change since. */
export async function knownDigest(handle: FileHandle): Promise<Digest | undefined> {
  return digestOf(await handle.stat({ bigint: true }))
}

/** Hashes an open file with `hash`, and remembers the digest if the file is large and did not change meanwhile. */
export async function hashRemembered(handle: FileHandle, hash: () => Promise<Digest>): Promise<Digest> {
  const before = await handle.stat({ bigint: true })
  if (before.size < largeFileBytes) return await hash()
  await setTimeout(tickMs)
  const digest = await hash()
  if (stampOf(before) === stampOf(await handle.stat({ bigint: true }))) remember(before, digest)
  return digest
}

/** Call this before a file that was written gets its name. @returns a function to call with that name. */
export async function rememberWritten(handle: FileHandle, digest: Digest): Promise<(path: string) => Promise<void>> {
  const written = await handle.stat({ bigint: true })
  if (written.size < largeFileBytes) return async () => {}
  await setTimeout(tickMs)
  return (path) => carryOver(written, path, digest)
}

/** Gives a file a second name, which changes its stamp. What is known of the file stays known. */
export async function linkRemembered(from: string, to: string): Promise<void> {
  const before = await lstat(from, { bigint: true })
  const digest = digestOf(before)
  await link(from, to)
  if (digest !== undefined) await carryOver(before, to, digest)
}

/** After a rename or a link, which change nothing but the ctime. */
async function carryOver(before: BigIntStats, path: string, digest: Digest): Promise<void> {
  const after = await lstat(path, { bigint: true }).catch(() => undefined)
  if (after === undefined || keyOf(after) !== keyOf(before)) return
  if (after.size === before.size && after.mtimeNs === before.mtimeNs) remember(after, digest)
}

function digestOf(stats: BigIntStats): Digest | undefined {
  const found = known.get(keyOf(stats))
  return found?.stamp === stampOf(stats) ? found.digest : undefined
}

function remember(stats: BigIntStats, digest: Digest): void {
  // A file system that counts whole seconds hides changes for longer than is worth waiting for. One without a ctime, which
  // then is 0, hides a change after which a program restores the mtime.
  if (stats.mtimeNs % secondNs === 0n || stats.ctimeNs % secondNs === 0n) return
  const key = keyOf(stats)
  known.delete(key)
  known.set(key, { stamp: stampOf(stats), digest })
  if (known.size > mostKnown) known.delete(known.keys().next().value!)
}
