import { createInflateRaw } from 'node:zlib'
import type { CallContext } from '../core/index.js'
import { chunksOf, type PlainFile, readAt } from '../store/index.js'
import { decompressed } from './decompressed.js'

export interface ZipEntry {
  readonly name: string
  /** Unpacked content; undefined if it is encrypted or uses an unsupported compression. */
  readonly content: (() => AsyncIterable<Uint8Array>) | undefined
}

/** A larger central directory is not examined. */
const maximumDirectoryBytes = 64 << 20
/** The end record is at most this far from the end of the file: its own 22 bytes and a comment. */
const endWindowBytes = 22 + 0xffff

const endSignature = 0x06054b50
const end64Signature = 0x06064b50
const locator64Signature = 0x07064b50
const entrySignature = 0x02014b50

/**
 * The entries of a zip archive (APPNOTE.TXT 6.3.10, with zip64, which PyTorch always writes) that may begin anywhere in
 * the file, because readers find an archive from its end. 'unreadable' if the file starts like an archive but has no
 * directory; undefined if it is not an archive.
 */
export async function zipEntries(
  file: PlainFile,
  context: CallContext,
): Promise<readonly ZipEntry[] | 'unreadable' | undefined> {
  const tailStart = Math.max(0, file.sizeBytes - endWindowBytes)
  const tail = await bytesAt(file, tailStart, file.sizeBytes - tailStart)
  const entries: ZipEntry[] = []
  // Readers disagree about which of several end records counts, so all of them are examined.
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== endSignature) continue
    context.signal.throwIfAborted()
    for (const directory of await directoriesOf(file, tailStart + at, tail.subarray(at, at + 22)))
      if (directory === 'unreadable') return directory
      else entries.push(...entriesOf(file, directory, context))
  }
  if (entries.length > 0) return entries
  const start = await bytesAt(file, 0, Math.min(4, file.sizeBytes))
  return start.toString('latin1') === 'PK\x03\x04' ? 'unreadable' : undefined
}

interface Directory {
  readonly bytes: Buffer
  /** Number of bytes before the archive, which shift every offset. */
  readonly shift: number
}

async function directoriesOf(file: PlainFile, at: number, record: Buffer): Promise<(Directory | 'unreadable')[]> {
  let size = record.readUInt32LE(12)
  let offset = record.readUInt32LE(16)
  let end = at
  if (at >= 20) {
    const locator = await bytesAt(file, at - 20, 20)
    const at64 = Number(locator.readBigUInt64LE(8))
    // If the archive was moved, the record is still right before its locator.
    for (const position of new Set([at64, at - 20 - 56])) {
      if (locator.readUInt32LE(0) !== locator64Signature || position < 0 || position > at - 76) continue
      const record64 = await bytesAt(file, position, 56)
      if (record64.readUInt32LE(0) !== end64Signature) continue
      size = Number(record64.readBigUInt64LE(40))
      offset = Number(record64.readBigUInt64LE(48))
      end = position
      break
    }
  }
  if (size < 46) return []
  const found: (Directory | 'unreadable')[] = []
  // Python assumes that the directory ends where the end record begins; others use the offset.
  for (const start of new Set([end - size, offset])) {
    if (start < 0 || start > file.sizeBytes - 46 || start + size > file.sizeBytes) continue
    const first = await bytesAt(file, start, 4)
    if (first.readUInt32LE(0) !== entrySignature) continue
    if (size > maximumDirectoryBytes) return ['unreadable']
    found.push({ bytes: await bytesAt(file, start, size), shift: start - offset })
  }
  return found
}

function entriesOf(file: PlainFile, { bytes, shift }: Directory, context: CallContext): ZipEntry[] {
  const entries: ZipEntry[] = []
  for (let at = 0; at + 46 <= bytes.length && bytes.readUInt32LE(at) === entrySignature; ) {
    const encrypted = (bytes.readUInt16LE(at + 8) & 1) === 1
    const method = bytes.readUInt16LE(at + 10)
    const nameEnd = at + 46 + bytes.readUInt16LE(at + 28)
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30)
    const name = bytes.toString('utf8', at + 46, nameEnd)
    const [, packed, local] = sizesOf(bytes, at, bytes.subarray(nameEnd, extraEnd))
    const stored = () => storedBytes(file, shift + local, packed, context)
    const content =
      encrypted || (method !== 0 && method !== 8)
        ? undefined
        : method === 0
          ? stored
          : () => decompressed(stored(), createInflateRaw(), context)
    entries.push({ name, content })
    at = extraEnd + bytes.readUInt16LE(at + 32)
  }
  return entries
}

/**
 * Unpacked size, packed size and the offset of the local header; values of 0xFFFFFFFF are in the zip64 field, in this
 * order.
 */
function sizesOf(bytes: Buffer, at: number, extra: Buffer): [number, number, number] {
  const sizes: [number, number, number] = [
    bytes.readUInt32LE(at + 24),
    bytes.readUInt32LE(at + 20),
    bytes.readUInt32LE(at + 42),
  ]
  for (let field = 0; field + 4 <= extra.length; field += 4 + extra.readUInt16LE(field + 2)) {
    if (extra.readUInt16LE(field) !== 1) continue
    let value = field + 4
    for (let index = 0; index < sizes.length; index += 1) {
      if (sizes[index] !== 0xffffffff || value + 8 > extra.length) continue
      sizes[index] = Number(extra.readBigUInt64LE(value))
      value += 8
    }
  }
  return sizes
}

async function* storedBytes(
  file: PlainFile,
  local: number,
  packed: number,
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  if (local < 0 || local > file.sizeBytes - 30) return
  const header = await bytesAt(file, local, 30)
  const begin = local + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
  const end = Math.min(begin + packed, file.sizeBytes)
  if (begin < end) yield* chunksOf(file, begin, end, context)
}

async function bytesAt(file: PlainFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, Math.min(length, file.sizeBytes - position)))
  await readAt(file, position, bytes)
  return bytes
}
