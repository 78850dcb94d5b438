import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { LargeFile } from './pointer.js'
import type { HubRepository } from './repositories.js'

type GitFolder = Pick<HubRepository, 'gitdir'>

export const isOid = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** Where git-lfs keeps them too. */
export const objectPath = ({ gitdir }: GitFolder, oid: string): string =>
  join(gitdir, 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4), oid)

/** `undefined`: it is not held. */
export async function sizeOfObject(repository: GitFolder, oid: string): Promise<number | undefined> {
  const found = isOid(oid) ? await stat(objectPath(repository, oid)).catch(() => undefined) : undefined
  return found?.size
}

export const hasObject = async (repository: GitFolder, { oid, sizeBytes }: LargeFile): Promise<boolean> =>
  (await sizeOfObject(repository, oid)) === sizeBytes

/** Keeps the bytes under their name. @returns what they are in truth; nothing is kept where that differs from `expected`. */
export async function keepObject(
  repository: GitFolder,
  expected: LargeFile,
  bytes: AsyncIterable<Uint8Array>,
): Promise<LargeFile> {
  const temporary = join(repository.gitdir, 'lfs', 'incoming', randomUUID())
  try {
    const found = await spool(temporary, bytes)
    if (found.oid === expected.oid && found.sizeBytes === expected.sizeBytes) {
      const path = objectPath(repository, expected.oid)
      await mkdir(dirname(path), { recursive: true })
      await rename(temporary, path)
    }
    return found
  } finally {
    await rm(temporary, { force: true })
  }
}

/** To a new file, hashed on the way. Zeros become holes, so that a large sparse file needs no space here either. */
export async function spool(path: string, bytes: AsyncIterable<Uint8Array>): Promise<LargeFile> {
  await mkdir(dirname(path), { recursive: true })
  const hash = createHash('sha256')
  let sizeBytes = 0
  const file = await open(path, 'w')
  try {
    for await (const piece of bytes) {
      hash.update(piece)
      if (!isZero(piece)) await writeAll(file, piece, sizeBytes)
      sizeBytes += piece.length
    }
    await file.truncate(sizeBytes)
  } finally {
    await file.close()
  }
  return { oid: hash.digest('hex'), sizeBytes }
}

async function writeAll(file: FileHandle, piece: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < piece.length; )
    done += (await file.write(piece, done, piece.length - done, at + done)).bytesWritten
}

const zeros = Buffer.alloc(65_536)

const isZero = (piece: Uint8Array) =>
  piece.length <= zeros.length && zeros.compare(piece, 0, piece.length, 0, piece.length) === 0

/** @param end not included. */
export const readPart = (path: string, start: number, end: number): AsyncIterable<Uint8Array> =>
  start >= end ? nothing() : createReadStream(path, { start, end: end - 1, highWaterMark: 1 << 20 })

async function* nothing(): AsyncGenerator<Uint8Array> {}
