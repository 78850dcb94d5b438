import { createGunzip, createInflate } from 'node:zlib'
import type { CallContext } from '../core/index.js'
import { chunksOf, type PlainFile, withPlainFile } from '../store/index.js'
import { type ContentKind, contentKind, isTar } from './content-kind.js'
import { decompressed, UnpackedTooLarge } from './decompressed.js'
import { lambdaScan } from './lambda-scan.js'
import { type PickleScanResult, pickleScan } from './pickle-scan.js'
import { shown } from './safetensors-header-json.js'
import { tarEntries } from './tar-entries.js'
import { zipEntries } from './zip-entries.js'

/** Number of bytes that identify a file's kind. NumPy reads no header above 10,000 bytes. */
const headBytes = 64 << 10
/** Maximum number of nested compression layers. */
const maximumLayers = 4

// torch.save before 1.6 opens with this number, pickled by protocol 2 (MAGIC_NUMBER in torch/serialization.py).
const torchMagic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')

type Open = () => AsyncIterable<Uint8Array>

/**
 * Explains why a file must not be released: it contains code that runs when the file is loaded (a Python pickle, a Keras Lambda
 * layer), or its content cannot be examined. The name of the file does not matter.
 *
 * Looks into gzip and zlib (joblib), zip archives (PyTorch, .npz, .keras), tar archives and NumPy headers. A file in
 * another compressed format (xz, bzip2, lzma, zstd, lz4, 7z, RAR), an archive within an archive and an encrypted entry
 * are rejected, with the reason.
 *
 * @returns a predicate about the file, or `undefined` if it is safe to load.
 */
export async function findUnsafeContent(path: string, context: CallContext): Promise<string | undefined> {
  context.signal.throwIfAborted()
  try {
    return await withPlainFile(path, async (file) => {
      const open = () => chunksOf(file, 0, file.sizeBytes, context)
      return (await unsafeIn(open, context, { layers: 0, isEntry: false })) ?? (await unsafeInZip(file, context))
    })
  } catch (error) {
    if (error instanceof UnpackedTooLarge) return error.message
    throw error
  }
}

interface Place {
  /** Number of compression layers around these bytes. */
  readonly layers: number
  /** Whether the bytes are an entry of an archive. */
  readonly isEntry: boolean
}

async function unsafeIn(open: Open, context: CallContext, place: Place): Promise<string | undefined> {
  const plain = await unsafeInPlain(open())
  if (typeof plain === 'string') return plain
  const isNested = place.isEntry || place.layers > 0
  if (plain.isTar) {
    const found = place.isEntry ? describeNested : await unsafeInTar(open())
    if (found !== undefined) return found
  }
  const { kind } = plain.kind
  if (kind === 'zip' && isNested) return describeNested
  if (kind === 'gzip' || kind === 'zlib') {
    if (place.layers === maximumLayers) return `is compressed more than ${maximumLayers} times`
    const unpacked = () => decompressed(open(), kind === 'zlib' ? createInflate() : createGunzip(), context)
    const found = await unsafeIn(unpacked, context, { ...place, layers: place.layers + 1 })
    return found === undefined || found.endsWith(', compressed') ? found : `${found}, compressed`
  }
  return undefined
}

const describeNested = 'is an archive inside another file, which cannot be examined; unpack it'

interface Plain {
  readonly kind: ContentKind
  readonly isTar: boolean
}

/** Reads the bytes once. @returns the problem, or the kind of the content. */
async function unsafeInPlain(pieces: AsyncIterable<Uint8Array>): Promise<string | Plain> {
  const pickle = pickleScan()
  const lambda = lambdaScan()
  let head = Buffer.alloc(0)
  let kind: ContentKind | undefined
  let scanning = true
  for await (const piece of pieces) {
    if (head.length < headBytes) head = Buffer.concat([head, piece.subarray(0, headBytes - head.length)])
    if (head.length >= headBytes) kind ??= contentKind(head)
    const result: PickleScanResult | undefined = scanning ? pickle.feed(piece) : undefined
    if (result?.kind === 'pickle') return describePickle(head, result.protocol)
    scanning = result?.kind === 'undecided'
    // Until the kind is known, the bytes may already be part of a model's text.
    const mayHoldLayers = kind === undefined || kind.kind === 'hdf5' || kind.kind === 'json'
    if (mayHoldLayers && lambda.feed(piece) && holdsLayers(kind ?? contentKind(head)))
      return 'is a Keras model with a Lambda layer, which runs Python code'
    if (!scanning && !mayHoldLayers) break
  }
  kind ??= contentKind(head)
  if (kind.kind === 'packed')
    return `is compressed with ${kind.format}, which cannot be examined; store it uncompressed, or with gzip`
  return pickleInNumpy(head) ?? { kind, isTar: isTar(head) }
}

const holdsLayers = ({ kind }: ContentKind) => kind === 'hdf5' || kind === 'json'

function describePickle(head: Buffer, protocol: number | undefined): string {
  if (head.subarray(0, torchMagic.length).equals(torchMagic)) return 'is a legacy PyTorch file, a Python pickle'
  return protocol === undefined ? 'is a Python pickle that calls code' : `is a Python pickle (protocol ${protocol})`
}

// The .npy format, versions 1.0 to 3.0: a magic string, two bytes of version, a length of 2 or 4 bytes, a Python dict.
function pickleInNumpy(head: Buffer): string | undefined {
  if (head.toString('latin1', 0, 6) !== '\x93NUMPY' || head.length < 12) return undefined
  const wide = head[6]! > 1
  const start = wide ? 12 : 10
  const end = start + (wide ? head.readUInt32LE(8) : head.readUInt16LE(8))
  const header = head.toString('latin1', start, end)
  // No valid header contains an escape, and one could hide the O that is searched for below.
  if (end > head.length || header.includes('\\')) return 'is a NumPy array whose header cannot be checked'
  return /["'][<>|=]?O\d*["']/.test(header) ? 'is a NumPy array of Python objects, a pickle' : undefined
}

async function unsafeInTar(pieces: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  for await (const entry of tarEntries(pieces)) {
    if (entry === 'unreadable') return 'is a tar archive whose entries cannot be checked'
    const found = await unsafeInPlain(entry.content)
    const name = shown(entry.name)
    if (typeof found === 'string') return `is a tar archive whose entry ${name} ${found}`
    if (found.isTar || ['gzip', 'zlib', 'zip'].includes(found.kind.kind))
      return `is a tar archive whose entry ${name} ${describeNested}`
  }
  return undefined
}

async function unsafeInZip(file: PlainFile, context: CallContext): Promise<string | undefined> {
  const entries = await zipEntries(file, context)
  if (entries === 'unreadable') return 'is a zip archive whose entries cannot be checked'
  for (const { name, content } of entries ?? []) {
    if (content === undefined) return `is a zip archive whose entry ${shown(name)} cannot be checked`
    const found = await unsafeIn(content, context, { layers: 0, isEntry: true })
    if (found !== undefined) return `is a zip archive whose entry ${shown(name)} ${found}`
    // PyTorch loads an entry of this name, whatever the entry contains.
    if (/(^|\/)data\.pkl$/.test(name)) return `is a PyTorch archive: it has an entry ${shown(name)}`
  }
  return undefined
}
