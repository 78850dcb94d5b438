import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type CallContext, type Digest, finishDigest, messageOf, SheikhError, startDigest } from '../core/index.js'
import { isSystemError, removeQuietly, renameDurably, storageFailed } from '../store/index.js'
import type { Tensor } from './safetensors.js'
import { byteLengthOf, isDtype, rankOf } from './safetensors-dtype.js'
import { lengthBytes, maximumHeaderBytes } from './safetensors-header.js'
import { shown } from './safetensors-header-json.js'

export interface WriteSafetensorsOptions {
  /** Written in code point order of the keys. @default `{ format: 'pt' }`, which transformers expects */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export interface WrittenFile {
  readonly sizeBytes: number
  readonly digest: Digest
}

/** Number of bytes written between two checks of the signal. */
const writeBytes = 8 << 20

/**
 * Writes a safetensors file atomically, and hashes it while writing.
 *
 * The output is identical to the reference writer's, whatever the order of the tensors.
 *
 * @throws `invalid-options` for tensors that the format cannot represent, `storage-failed` if writing fails.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly Tensor[],
  options: WriteSafetensorsOptions,
  context: CallContext,
): Promise<WrittenFile> {
  context.signal.throwIfAborted()
  const ordered = orderedTensors(tensors)
  const header = headerBytes(ordered, options.metadata ?? { format: 'pt' })
  const partial = `${path}.partial`
  try {
    const written = await writeAll(partial, [header, ...ordered.map(({ data }) => data)], context)
    await renameDurably(partial, path)
    return written
  } catch (error) {
    await removeQuietly(partial)
    const failed = storageFailed('write', path, error)
    if (!isSystemError(failed)) throw failed
    throw new SheikhError('storage-failed', `Cannot write ${JSON.stringify(path)}: ${messageOf(failed)}.`, {
      facts: { path },
      cause: failed,
    })
  }
}

// Same order as the reference writer: by descending dtype, so that data stays aligned, then by name in UTF-8 order.
function orderedTensors(tensors: readonly Tensor[]): readonly Tensor[] {
  const names = new Set<string>()
  for (const tensor of tensors) {
    checkTensor(tensor)
    if (names.has(tensor.name)) throw unwritable(tensor.name, 'it appears twice')
    names.add(tensor.name)
  }
  return tensors
    .map((tensor) => ({ tensor, rank: rankOf(tensor.dtype), name: Buffer.from(tensor.name) }))
    .sort((left, right) => right.rank - left.rank || Buffer.compare(left.name, right.name))
    .map(({ tensor }) => tensor)
}

function checkTensor({ name, dtype, shape, data }: Tensor): void {
  if (name === '__metadata__') throw unwritable(name, 'the format reserves this name')
  if (!name.isWellFormed()) throw unwritable(name, 'its name contains a lone surrogate')
  if (!isDtype(dtype)) throw unwritable(name, `${JSON.stringify(dtype)} is not a dtype of the format`)
  const odd = shape.find((size) => !Number.isSafeInteger(size) || size < 0)
  if (odd !== undefined) throw unwritable(name, `its shape contains ${odd}`)
  const bytes = byteLengthOf(dtype, shape)
  if (typeof bytes === 'string') throw unwritable(name, `it ${bytes}`)
  if (bytes !== data.length) throw unwritable(name, `it has ${data.length} bytes of data, but its shape needs ${bytes}`)
}

// Builds the text manually, because an object would move names that look like indices ("10") to the front.
function headerBytes(tensors: readonly Tensor[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const members = [`"__metadata__":{${metadataMembers(metadata)}}`]
  let end = 0
  for (const { name, dtype, shape, data } of tensors) {
    const begin = end
    end += data.length
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[${begin},${end}]}`,
    )
  }
  const json = Buffer.from(`{${members.join(',')}}`)
  const padded = Math.ceil(json.length / 8) * 8
  if (padded > maximumHeaderBytes)
    throw new SheikhError(
      'invalid-options',
      `Cannot write a safetensors file: its header would have ${padded} bytes, but the maximum is ${maximumHeaderBytes}. Write fewer tensors or less metadata.`,
    )
  const bytes = Buffer.alloc(lengthBytes + padded, ' ')
  bytes.writeBigUInt64LE(BigInt(padded))
  json.copy(bytes, lengthBytes)
  return bytes
}

function metadataMembers(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([key, value]) => {
      if (typeof value !== 'string' || !key.isWellFormed() || !value.isWellFormed())
        throw new SheikhError(
          'invalid-options',
          `Cannot write a safetensors file: its metadata under ${shown(key)} is not well-formed text.`,
        )
      return { key: Buffer.from(key), text: `${JSON.stringify(key)}:${JSON.stringify(value)}` }
    })
    .sort((left, right) => Buffer.compare(left.key, right.key))
    .map(({ text }) => text)
    .join(',')
}

async function writeAll(path: string, parts: readonly Uint8Array[], context: CallContext): Promise<WrittenFile> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NOFOLLOW ?? 0)
  const handle = await open(path, flags)
  try {
    const hash = startDigest()
    let sizeBytes = 0
    for (const piece of pieces(parts)) {
      context.signal.throwIfAborted()
      await writePiece(handle, piece)
      hash.update(piece)
      sizeBytes += piece.length
    }
    await handle.sync()
    return { sizeBytes, digest: finishDigest(hash) }
  } finally {
    await handle.close()
  }
}

/** Splits large parts and joins small ones, so that many small tensors need few writes. */
function* pieces(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = []
  let bytes = 0
  for (const part of parts) {
    if (bytes + part.length <= writeBytes) {
      small.push(part)
      bytes += part.length
      continue
    }
    yield Buffer.concat(small, bytes)
    ;[small, bytes] = [[], 0]
    for (let done = 0; done < part.length; done += writeBytes) yield part.subarray(done, done + writeBytes)
  }
  yield Buffer.concat(small, bytes)
}

async function writePiece(handle: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length; ) done += (await handle.write(piece, done)).bytesWritten
}

const unwritable = (name: string, fact: string) =>
  new SheikhError('invalid-options', `Cannot write tensor ${shown(name)}: ${fact}.`, { facts: { tensor: name } })
