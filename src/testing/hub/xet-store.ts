import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { refuse } from './answer.js'
import { hasObject, keepObject, spool } from './large-objects.js'
import type { LargeFile } from './pointer.js'
import type { HubRepository } from './repositories.js'
import { writeWhole } from './write-whole.js'
import { chunkHeaderBytes, decodeChunk, parseChunkHeader, parseShard, type Term, type XetFile } from './xet-format.js'

/** Of each chunk of a xorb, and of the end: where it lies there, and in what it unpacks to. */
export interface Xorb {
  readonly path: string
  readonly stored: readonly number[]
  readonly raw: readonly number[]
}

const isHash = (text: string) => /^[0-9a-f]{64}$/.test(text)

export const xorbPath = (folder: string, hash: string): string => join(folder, 'xorbs', hash)

/** Keeps chunks under the name that the client gives them: what they add up to is checked by SHA-256. */
export async function keepXorb(folder: string, hash: string, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  if (!isHash(hash)) throw refuse(400, 'Invalid xorb hash')
  const path = xorbPath(folder, hash)
  const temporary = join(folder, 'incoming', randomUUID())
  try {
    const { sizeBytes } = await spool(temporary, bytes)
    const index = await indexOf(temporary, sizeBytes)
    if ((await readXorb(folder, hash).catch(() => undefined)) !== undefined) return false
    await mkdir(dirname(path), { recursive: true })
    await rename(temporary, path)
    await writeWhole(`${path}.json`, JSON.stringify(index))
    return true
  } finally {
    await rm(temporary, { force: true })
  }
}

async function indexOf(path: string, sizeBytes: number): Promise<Omit<Xorb, 'path'>> {
  const stored = [0]
  const raw = [0]
  const file = await open(path)
  try {
    const header = Buffer.alloc(chunkHeaderBytes)
    for (let at = 0; at < sizeBytes; ) {
      const { bytesRead } = await file.read(header, 0, chunkHeaderBytes, at)
      const chunk = parseChunkHeader(header.subarray(0, bytesRead))
      if (chunk === undefined) break
      at += chunkHeaderBytes + chunk.storedBytes
      if (at > sizeBytes) throw refuse(400, 'The xorb is cut off')
      stored.push(at)
      raw.push(raw.at(-1)! + chunk.rawBytes)
    }
  } finally {
    await file.close()
  }
  if (stored.length === 1) throw refuse(400, 'The xorb has no chunks')
  return { stored, raw }
}

export async function readXorb(folder: string, hash: string): Promise<Xorb> {
  const path = xorbPath(folder, hash)
  return { path, ...JSON.parse(await readFile(`${path}.json`, 'utf8')) }
}

/** Puts the shard's files together and keeps them as large files of the repository. */
export async function keepShard(folder: string, repository: HubRepository, shard: Buffer): Promise<void> {
  for (const { hash, oid, terms } of filesOf(shard)) {
    const sizeBytes = terms.reduce((total, { unpackedBytes }) => total + unpackedBytes, 0)
    if (oid !== undefined && !(await hasObject(repository, { oid, sizeBytes }))) {
      const found = await keepObject(repository, { oid, sizeBytes }, contentOf(folder, terms))
      if (found.oid !== oid || found.sizeBytes !== sizeBytes)
        throw refuse(400, `The chunks add up to ${found.sizeBytes} bytes with SHA-256 ${found.oid}, not ${oid}`)
    }
    await writeWhole(join(folder, 'files', hash), JSON.stringify(terms))
    if (oid !== undefined) await writeWhole(join(folder, 'sha256', oid), hash)
  }
}

function filesOf(shard: Buffer): readonly XetFile[] {
  try {
    return parseShard(shard)
  } catch (error) {
    if (error instanceof RangeError) throw refuse(400, `Invalid shard: ${error.message}`)
    throw error
  }
}

/** One chunk in memory at a time. */
async function* contentOf(folder: string, terms: readonly Term[]): AsyncGenerator<Uint8Array> {
  for (const { xorb, start, end } of terms) {
    const { path, stored } = await readXorb(folder, xorb).catch(() => {
      throw refuse(400, `The shard names the xorb ${xorb}, which was not sent`)
    })
    if (end > stored.length - 1) throw refuse(400, `The shard names more chunks than the xorb ${xorb} has`)
    const file = await open(path)
    try {
      for (let chunk = start; chunk < end; chunk++) {
        const bytes = Buffer.alloc(stored[chunk + 1]! - stored[chunk]!)
        await file.read(bytes, 0, bytes.length, stored[chunk]!)
        yield decodeChunk(parseChunkHeader(bytes)!, bytes.subarray(chunkHeaderBytes))
      }
    } catch (error) {
      throw error instanceof RangeError ? refuse(400, `Invalid xorb ${xorb}: ${error.message}`) : error
    } finally {
      await file.close()
    }
  }
}

/** What a file is put together from, by the name that xet has for it. */
export async function termsOf(folder: string, hash: string): Promise<readonly Term[] | undefined> {
  if (!isHash(hash)) return undefined
  const text = await readFile(join(folder, 'files', hash), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

/** The name that xet has for a large file that the repository holds, where it came by xet. */
export async function xetHashOf(folder: string, repository: HubRepository, file: LargeFile) {
  if (!(await hasObject(repository, file))) return undefined
  return readFile(join(folder, 'sha256', file.oid), 'utf8').catch(() => undefined)
}
