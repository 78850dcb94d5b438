import { createGunzip, createInflate } from 'node:zlib'
import type { CallContext } from '../core/index.js'
import { chunksOf, type PlainFile, withPlainFile } from '../store/index.js'
import { decompressed } from './decompressed.js'
import { type PickleScanResult, pickleScan } from './pickle-scan.js'
import { shown } from './safetensors-header-json.js'
import { zipEntries } from './zip-entries.js'

/** Enough of a file to tell its kind; NumPy itself reads no header above 10,000 bytes. */
const headBytes = 64 << 10

// torch.save before 1.6 opens with this number, pickled by protocol 2 (MAGIC_NUMBER in torch/serialization.py).
const torchMagic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')

/**
 * Why a file must not be released, where it holds a Python pickle, whatever its name: loading one runs code.
 * Looks at the start of the file, inside gzip and zlib (joblib), into the entries of zip archives (PyTorch, .npz) and into NumPy's
 * headers. Not inside tar, bzip2, xz, or an archive within an archive.
 *
 * @returns what was found, to follow the file's name; undefined where there is nothing.
 */
export async function findPickle(path: string, context: CallContext): Promise<string | undefined> {
  context.signal.throwIfAborted()
  return withPlainFile(path, async (file) => {
    const whole = () => chunksOf(file, 0, file.sizeBytes, context)
    return (
      (await pickleIn(whole())) ??
      (await pickleInCompressed(file, whole, context)) ??
      (await pickleInZip(file, context))
    )
  })
}

async function pickleIn(pieces: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const scan = pickleScan()
  let head = Buffer.alloc(0)
  let scanning = true
  for await (const piece of pieces) {
    if (head.length < headBytes) head = Buffer.concat([head, piece.subarray(0, headBytes - head.length)])
    const result: PickleScanResult | undefined = scanning ? scan.feed(piece) : undefined
    if (result?.kind === 'pickle') return describePickle(head, result.protocol)
    scanning = result?.kind === 'undecided'
    if (!scanning && head.length >= headBytes) break
  }
  return pickleInNumpy(head)
}

function describePickle(head: Buffer, protocol: number | undefined): string {
  if (head.subarray(0, torchMagic.length).equals(torchMagic))
    return 'is a PyTorch file of the old kind, a Python pickle'
  return protocol === undefined ? 'is a Python pickle that calls code' : `is a Python pickle (protocol ${protocol})`
}

// The .npy format, versions 1.0 to 3.0: a magic string, two bytes of version, a length of 2 or 4 bytes, a Python dict.
function pickleInNumpy(head: Buffer): string | undefined {
  if (head.toString('latin1', 0, 6) !== '\x93NUMPY' || head.length < 12) return undefined
  const wide = head[6]! > 1
  const start = wide ? 12 : 10
  const end = start + (wide ? head.readUInt32LE(8) : head.readUInt16LE(8))
  const header = head.toString('latin1', start, end)
  // No honest header holds an escape; one could spell the O below so that it is not seen.
  if (end > head.length || header.includes('\\')) return 'is a NumPy array whose header cannot be checked'
  return /["'][<>|=]?O\d*["']/.test(header) ? 'is a NumPy array of Python objects, a pickle' : undefined
}

async function pickleInCompressed(
  file: PlainFile,
  whole: () => AsyncIterable<Uint8Array>,
  context: CallContext,
): Promise<string | undefined> {
  if (file.sizeBytes < 2) return undefined
  const { buffer } = await file.handle.read(Buffer.alloc(2), 0, 2, 0)
  const start = buffer.readUInt16BE(0)
  // zlib: RFC 1950, deflate with a window of 32 KiB, and a header that is a multiple of 31.
  const isZlib = buffer[0] === 0x78 && start % 31 === 0
  if (start !== 0x1f8b && !isZlib) return undefined
  const found = await pickleIn(decompressed(whole(), isZlib ? createInflate() : createGunzip(), context))
  return found === undefined ? undefined : `${found}, compressed`
}

async function pickleInZip(file: PlainFile, context: CallContext): Promise<string | undefined> {
  const entries = await zipEntries(file, context)
  if (entries === 'unreadable') return 'is a zip archive whose entries cannot be checked'
  for (const { name, content } of entries ?? []) {
    if (content === undefined) return `is a zip archive whose entry ${shown(name)} cannot be checked`
    const found = await pickleIn(content())
    if (found !== undefined) return `is a zip archive whose entry ${shown(name)} ${found}`
    // What PyTorch loads, whatever it holds.
    if (/(^|\/)data\.pkl$/.test(name)) return `is a PyTorch archive: it has an entry ${shown(name)}`
  }
  return undefined
}
