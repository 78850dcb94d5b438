import { lz4Decompressed } from './lz4.js'

/** Formats: https://huggingface.co/docs/xet/en/index */
export interface Term {
  readonly xorb: string
  /** Chunks of the xorb, `end` not included. */
  readonly start: number
  readonly end: number
  readonly unpackedBytes: number
}

export interface XetFile {
  readonly hash: string
  /** SHA-256, hexadecimal. */
  readonly oid: string | undefined
  readonly terms: readonly Term[]
}

const headerBytes = 48
const entryBytes = 48
const hasVerification = 0x80000000
const hasMetadata = 0x40000000

/** The files that a shard describes. @throws RangeError for bytes that are none. */
export function parseShard(shard: Buffer): readonly XetFile[] {
  if (shard.toString('latin1', 0, 14) !== 'HFRepoMetaData') throw new RangeError('Not a shard')
  const files: XetFile[] = []
  let at = headerBytes
  const isBookend = () => shard.subarray(at, at + 32).every((byte) => byte === 0xff)
  while (!isBookend()) {
    const hash = readHash(shard, at)
    const flags = shard.readUInt32LE(at + 32)
    const count = shard.readUInt32LE(at + 36)
    at += entryBytes
    const terms = Array.from({ length: count }, (_, index) => readTerm(shard, at + index * entryBytes))
    at += count * entryBytes * (flags & hasVerification ? 2 : 1)
    const oid = flags & hasMetadata ? readHash(shard, at) : undefined
    if (oid !== undefined) at += entryBytes
    files.push({ hash, oid, terms })
  }
  return files
}

const readTerm = (shard: Buffer, at: number): Term => ({
  xorb: readHash(shard, at),
  unpackedBytes: shard.readUInt32LE(at + 36),
  start: shard.readUInt32LE(at + 40),
  end: shard.readUInt32LE(at + 44),
})

/** Four numbers of eight bytes, the lowest byte first, are written the highest digit first. */
const readHash = (bytes: Buffer, at: number): string =>
  [0, 8, 16, 24]
    .map((offset) =>
      bytes
        .readBigUInt64LE(at + offset)
        .toString(16)
        .padStart(16, '0'),
    )
    .join('')

export const chunkHeaderBytes = 8

export interface ChunkHeader {
  readonly storedBytes: number
  readonly scheme: number
  readonly rawBytes: number
}

/** `undefined`: here a xorb's chunks end, and what some clients send behind them begins. */
export const parseChunkHeader = (bytes: Buffer): ChunkHeader | undefined =>
  bytes.length < chunkHeaderBytes || bytes[0] !== 0
    ? undefined
    : { storedBytes: bytes.readUIntLE(1, 3), scheme: bytes[4]!, rawBytes: bytes.readUIntLE(5, 3) }

export function decodeChunk({ scheme, rawBytes }: ChunkHeader, stored: Buffer): Buffer {
  if (scheme === 0) return stored
  if (scheme === 1) return lz4Decompressed(stored, rawBytes)
  if (scheme === 2) return ungrouped(lz4Decompressed(stored, rawBytes))
  throw new RangeError(`Unknown compression ${scheme}`)
}

/** Every first byte of four stood together, then every second one, and so on. */
function ungrouped(grouped: Buffer): Buffer {
  const bytes = Buffer.alloc(grouped.length)
  let from = 0
  for (let first = 0; first < 4; first++) for (let to = first; to < bytes.length; to += 4) bytes[to] = grouped[from++]!
  return bytes
}
