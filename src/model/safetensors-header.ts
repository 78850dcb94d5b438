import { type CallContext, SheikhError } from '../core/index.js'
import { type PlainFile, readAt, refuseLfsPointer, withPlainFile } from '../store/index.js'
import { byteLengthOf, type Dtype, isDtype } from './safetensors-dtype.js'
import { parseHeaderJson, type RawTensor, shown } from './safetensors-header-json.js'

/** The limit of the reference reader, in bytes. The Hub's own is 25,000,000. */
export const maximumHeaderBytes = 100_000_000

/** Size in bytes of the header length at the start of the file, little-endian. */
export const lengthBytes = 8

export interface TensorInfo {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Offset of the tensor's data, in bytes from the start of the file. */
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** Tensors in the order of their data. */
  readonly tensors: readonly TensorInfo[]
  /** Size of the file. */
  readonly sizeBytes: number
}

export interface ReadSafetensorsOptions {
  /** @default 100,000,000, the limit of the reference reader; never more. */
  readonly maximumHeaderBytes?: number | undefined
  /** Whether to read a tensor, by its name. @default all tensors */
  readonly wanted?: ((name: string) => boolean) | undefined
}

/**
 * Reads and checks the header of a safetensors file: tensors must cover the data completely, without gaps or overlaps.
 * Stricter than the reference reader: duplicate keys and unknown keys of a tensor are rejected.
 *
 * @throws `artifact-corrupt`, with the file and the problem.
 */
export async function readSafetensorsHeader(
  path: string,
  context: CallContext,
  options: ReadSafetensorsOptions = {},
): Promise<SafetensorsHeader> {
  context.signal.throwIfAborted()
  return withPlainFile(path, (file) => readHeader(file, options))
}

export async function readHeader(file: PlainFile, options: ReadSafetensorsOptions): Promise<SafetensorsHeader> {
  const { path, sizeBytes } = file
  const fail = (fact: string): never => {
    throw unsound(path, fact)
  }
  await refuseLfsPointer(file)
  if (sizeBytes < lengthBytes) fail(`it has ${sizeBytes} bytes, but a safetensors file has at least ${lengthBytes}`)
  const length = new Uint8Array(lengthBytes)
  await readAt(file, 0, length)
  const headerBytes = new DataView(length.buffer).getBigUint64(0, true)
  const limit = Math.min(options.maximumHeaderBytes ?? maximumHeaderBytes, maximumHeaderBytes)
  if (headerBytes > limit) fail(`its header claims ${headerBytes} bytes, but the limit is ${limit}`)
  const dataStart = lengthBytes + Number(headerBytes)
  // Checked before memory is allocated, so that a false length costs nothing.
  if (dataStart > sizeBytes) fail(`its header claims ${headerBytes} bytes, but the file has ${sizeBytes}`)
  const bytes = new Uint8Array(Number(headerBytes))
  await readAt(file, lengthBytes, bytes)
  const text = decoded(bytes, fail)
  if (!/^[ \n\r\t]*\{/.test(text)) fail('its header does not start with "{"')
  const { metadata, tensors } = parseHeaderJson(text, fail)
  return {
    // fromEntries defines properties, so that "__proto__" is an ordinary key.
    metadata: Object.fromEntries(metadata ?? []),
    tensors: checkedTensors(tensors, dataStart, sizeBytes, fail),
    sizeBytes,
  }
}

function decoded(bytes: Uint8Array, fail: (fact: string) => never): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fail('its header is not UTF-8')
  }
}

function checkedTensors(
  raw: readonly RawTensor[],
  dataStart: number,
  sizeBytes: number,
  fail: (fact: string) => never,
): TensorInfo[] {
  const tensors = raw.map((tensor) => checkedTensor(tensor, dataStart, fail))
  tensors.sort((left, right) => left.begin - right.begin || left.end - right.end)
  let covered = dataStart
  for (const { name, begin, end } of tensors) {
    if (begin < covered) fail(`tensor ${shown(name)} overlaps the one before it by ${covered - begin} bytes`)
    if (begin > covered) fail(`${begin - covered} bytes before tensor ${shown(name)} belong to no tensor`)
    covered = end
  }
  if (covered > sizeBytes) fail(`its tensors need ${covered} bytes, but the file has ${sizeBytes}`)
  if (covered < sizeBytes) fail(`${sizeBytes - covered} bytes at its end belong to no tensor`)
  return tensors
}

function checkedTensor(raw: RawTensor, dataStart: number, fail: (fact: string) => never): TensorInfo {
  const { name, dtype, shape, offsets } = raw
  const [begin, end] = offsets
  if (!isDtype(dtype)) return fail(`tensor ${shown(name)} has the unknown dtype ${shown(dtype)}`)
  if (begin === undefined || end === undefined || offsets.length !== 2 || begin > end)
    return fail(`tensor ${shown(name)} has data_offsets that are not a begin and an end`)
  const bytes = byteLengthOf(dtype, shape)
  if (typeof bytes === 'string') return fail(`tensor ${shown(name)} ${bytes}`)
  if (end - begin !== bytes)
    return fail(`tensor ${shown(name)} has ${end - begin} bytes of data, but its shape needs ${bytes}`)
  return { name, dtype, shape, begin: dataStart + begin, end: dataStart + end }
}

export const unsound = (path: string, fact: string) =>
  new SheikhError('artifact-corrupt', `Cannot read the safetensors file ${JSON.stringify(path)}: ${fact}.`, {
    facts: { path, fact },
  })
