import { type CallContext, SheikhError } from '../core/index.js'
import { type PlainFile, readAt, withPlainFile } from '../store/index.js'
import type { Dtype } from './safetensors-dtype.js'
import { type ReadSafetensorsOptions, readHeader, type TensorInfo } from './safetensors-header.js'
import { tensorOf, valuesOf } from './tensor-values.js'

/** A tensor with its data as in the file: row-major, little-endian. */
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

/** Number of bytes read between two checks of the signal. Below the limit of 2 GiB per read. */
const readBytes = 64 << 20

/**
 * Reads a safetensors file into memory. Each tensor has its own buffer; together they are never larger than the file.
 *
 * @throws `artifact-corrupt` as `readSafetensorsHeader`; `storage-failed` if the file does not fit into memory.
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
    for (const tensor of tensors)
      if (options.wanted?.(tensor.name) ?? true) read.push(await readTensor(file, tensor, context))
    return { metadata, tensors: read }
  })
}

/** Reads one tensor, whose header was read before. @throws `artifact-corrupt` if the file is shorter now; `storage-failed`. */
export const readOneTensor = (path: string, info: TensorInfo, context: CallContext): Promise<Tensor> =>
  withPlainFile(path, (file) => readTensor(file, info, context))

/** @param shape sizes of the axes; their product must equal the length of `values`. @throws `invalid-options`. */
export const tensorOfFloat32 = (name: string, shape: readonly number[], values: Float32Array): Tensor =>
  tensorOf(name, 'F32', shape, values)

/** The values of an F32 tensor, copied. @throws `artifact-corrupt` for another dtype. */
export const float32Of = (tensor: Tensor): Float32Array => valuesOf(tensor, 'F32').slice()

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
    // A sparse file can be valid but larger than memory.
    throw new SheikhError('storage-failed', `Cannot load ${JSON.stringify(path)}: a tensor has ${bytes} bytes.`, {
      facts: { path, sizeBytes: bytes },
      cause,
    })
  }
}
