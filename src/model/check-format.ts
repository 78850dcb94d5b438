import { basename } from 'node:path'
import type { CallContext } from '../core/index.js'
import { type PlainFile, readAt, withPlainFile } from '../store/index.js'
import { contentKind } from './content-kind.js'
import { ggufProblem } from './gguf.js'
import { onnxProblem } from './onnx.js'
import { findNonFinite } from './safetensors-finite.js'
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors-header.js'
import { shown } from './safetensors-header-json.js'
import { readSmallJson } from './small-json.js'
import { zipEntries } from './zip-entries.js'

/** Weight formats that are recognised by content and load without running code. */
export const weightsFormats = ['safetensors', 'ONNX', 'GGUF', 'NumPy', 'HDF5', 'JSON'] as const
export type WeightsFormat = (typeof weightsFormats)[number]

export interface FormatCheck {
  /** Absent if the file does not contain weights, such as a vocabulary. */
  readonly format?: WeightsFormat | undefined
  readonly header?: SafetensorsHeader | undefined
  readonly problem?: string | undefined
}

/**
 * Checks a file in the format that its content or name indicates. Safetensors: the header, and that every value is
 * finite. ONNX, GGUF: the structure, and that no data is missing. NumPy, HDF5: the signature. JSON: the syntax.
 *
 * @throws `artifact-corrupt` for damaged safetensors.
 */
export async function checkFormat(path: string, context: CallContext): Promise<FormatCheck> {
  const format = await formatOf(path, context)
  switch (format) {
    case undefined:
      return {}
    case 'safetensors': {
      const header = await readSafetensorsHeader(path, context)
      const odd = await findNonFinite(path, header, context)
      if (odd === undefined) return { format, header }
      const where = `element ${odd.index} of tensor ${shown(odd.tensor)}`
      return { format, header, problem: `contains a value that is not finite: ${where}` }
    }
    case 'ONNX':
      return { format, problem: await withPlainFile(path, onnxProblem) }
    case 'GGUF':
      return { format, problem: await withPlainFile(path, ggufProblem) }
    case 'JSON': {
      const json = await readSmallJson(path)
      return typeof json === 'string' ? {} : { format }
    }
    default:
      return { format }
  }
}

/** Files that describe a model or its tokenizer and do not contain weights. */
const beside = /config|tokenizer|vocab|special_tokens|added_tokens|index\.json$|^base\.json$|manifest/i

async function formatOf(path: string, context: CallContext): Promise<WeightsFormat | undefined> {
  const name = basename(path)
  if (name.endsWith('.safetensors')) return 'safetensors'
  if (name.endsWith('.onnx')) return 'ONNX'
  if (name.endsWith('.gguf')) return 'GGUF'
  return withPlainFile(path, async (file) => {
    const head = Buffer.alloc(Math.min(file.sizeBytes, 64 << 10))
    await readAt(file, 0, head)
    if (isSafetensors(head)) return 'safetensors'
    if (head.toString('latin1', 0, 4) === 'GGUF') return 'GGUF'
    const { kind } = contentKind(head)
    if (kind === 'numpy') return 'NumPy'
    if (kind === 'hdf5') return 'HDF5'
    if (kind === 'json') return name.endsWith('.json') && !beside.test(name) ? 'JSON' : undefined
    return kind === 'zip' ? formatInZip(file, context) : undefined
  })
}

/** Recognises a header length followed by JSON, so a truncated file is recognised as well. */
const isSafetensors = (head: Buffer): boolean =>
  head.length > 8 &&
  head.readBigUInt64LE(0) <= 100_000_000n &&
  /^[ \n\r\t]*\{[ \n\r\t]*("|\})/.test(head.toString('latin1', 8, 1024))

/** `.npz` and `.keras`. */
async function formatInZip(file: PlainFile, context: CallContext): Promise<WeightsFormat | undefined> {
  const entries = await zipEntries(file, context)
  if (entries === undefined || entries === 'unreadable') return undefined
  if (entries.some(({ name }) => name.endsWith('.npy'))) return 'NumPy'
  return entries.some(({ name }) => name.endsWith('.h5')) ? 'HDF5' : undefined
}
