import { endianness } from 'node:os'
import { type CallContext, SheikhError } from '../core/index.js'
import { type PlainFile, readAt, withPlainFile } from '../store/index.js'
import { byteLengthOf, type Dtype } from './safetensors-dtype.js'
import { type ReadSafetensorsOptions, readHeader, type TensorInfo } from './safetensors-header.js'

/** A tensor as the file holds it: row-major, little-endian. */
export interface Tensor {
  readonly name: string
  readonly dtype: Dtype
  /** Sizes of the axes, each 0 or more; `[]` is a scalar. */
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: readonly Tensor[]
}

/** Bytes read between two looks at the signal; also below the 2 GiB that one read may ask for. */
const readBytes = 64 << 20

/**
 * Reads a whole safetensors file. Each tensor has memory of its own, never more than the file is long.
 *
 * @throws `artifact-corrupt` as `readSafetensorsHeader`; `storage-failed` where it does not fit into memory.
 */
export async function readSafetensors(
  path: string,
  context: CallContext,
  options: ReadSafetensorsOptions = {},
): Promise<Safetensors> {
  context.signal.throwIfAborted()
  return withPlainFile(path, async (file) => {
    const { metadata, tensors } = await readHeader(file, options)
    const read: Tensor[] = []
    for (const tensor of tensors) read.push(await readTensor(file, tensor, context))
    return { metadata, tensors: read }
  })
}

/** @param shape sizes of the axes; their product is the length of `values`. */
export function tensorOfFloat32(name: string, shape: readonly number[], values: Float32Array): Tensor {
  const data = new Uint8Array(values.byteLength)
  data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  if (byteLengthOf('F32', shape) !== data.length)
    throw new SheikhError(
      'invalid-options',
      `Cannot make tensor "${name}": ${values.length} values do not fill the shape [${shape.join(', ')}].`,
    )
  return { name, dtype: 'F32', shape: [...shape], data: littleEndian(data) }
}

/** The values of an F32 tensor, copied: a view would need its data aligned. @throws `artifact-corrupt` for another dtype. */
export function float32Of(tensor: Tensor): Float32Array {
  if (tensor.dtype !== 'F32')
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot read tensor "${tensor.name}" as 32-bit floats: its dtype is ${tensor.dtype}. Convert it to F32 first.`,
      { facts: { tensor: tensor.name, dtype: tensor.dtype } },
    )
  const copy = new Uint8Array(tensor.data)
  return new Float32Array(littleEndian(copy).buffer)
}

async function readTensor(file: PlainFile, info: TensorInfo, context: CallContext): Promise<Tensor> {
  const data = allocate(file.path, info.end - info.begin)
  for (let done = 0; done < data.length; done += readBytes) {
    context.signal.throwIfAborted()
    await readAt(file, info.begin + done, data.subarray(done, done + readBytes))
  }
  return { name: info.name, dtype: info.dtype, shape: info.shape, data }
}

function allocate(path: string, bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes)
  } catch (cause) {
    // A sparse file can be sound and larger than any memory.
    throw new SheikhError('storage-failed', `Cannot load ${JSON.stringify(path)}: a tensor has ${bytes} bytes.`, {
      facts: { path, sizeBytes: bytes },
      cause,
    })
  }
}

const hostIsBigEndian = endianness() === 'BE'

/** Swaps the bytes of 32-bit values in place, on the few machines where that is needed. */
function littleEndian(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (hostIsBigEndian) Buffer.from(bytes.buffer).swap32()
  return bytes
}
