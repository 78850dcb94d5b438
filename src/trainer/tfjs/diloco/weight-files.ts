// Weights and outer gradients as directories of the store, each with one safetensors file.
import { join } from 'node:path'
import { type CallContext, type Digest, SheikhError } from '../../../core/index.js'
import { float32Of, readSafetensors, type Tensor, tensorOfFloat32, writeSafetensors } from '../../../model/index.js'
import { makeDirectory, removeQuietly, type Store } from '../../../store/index.js'
import type { Values } from './outer-step.js'

/** `int8`: a quarter of the bytes. */
export type Compression = 'int8'

const fileName = 'values.safetensors'

/** What a directory of values belongs to. Its bytes differ from those of every other training, so it can be removed afterwards. */
export interface ValuesPlace {
  readonly store: Store
  /** A folder for work in progress. */
  readonly folder: string
  /** Identifies the training. */
  readonly training: string
}

/** @param exact names of values that are not compressed: the error of an integer could make a small variance negative. */
export async function putValues(
  { store, folder, training }: ValuesPlace,
  values: Values,
  context: CallContext,
  {
    compression,
    exact = [],
  }: { readonly compression?: Compression | undefined; readonly exact?: readonly string[] } = {},
): Promise<Digest> {
  const tensors = Object.entries(values).flatMap(([name, array]) =>
    compression === undefined || exact.includes(name)
      ? [tensorOfFloat32(`value/${name}`, [array.length], array)]
      : quantized(name, array),
  )
  const directory = join(folder, 'put')
  await makeDirectory(directory)
  try {
    const metadata = { training }
    await writeSafetensors(join(directory, fileName), tensors, { metadata }, context)
    return await store.objects.putDirectory(directory, context)
  } finally {
    await removeQuietly(directory)
  }
}

/**
 * @param like values of the names and lengths that are allowed.
 * @throws `artifact-corrupt` for others.
 */
export async function getValues(
  { store, folder }: Omit<ValuesPlace, 'training'>,
  digest: Digest,
  context: CallContext,
  like?: Values | undefined,
): Promise<Values> {
  const directory = join(folder, 'get')
  try {
    await store.objects.getDirectory(digest, directory, context)
    const { tensors } = await readSafetensors(join(directory, fileName), context)
    const scales = new Map(
      tensors
        .filter(({ name }) => name.startsWith('scale/'))
        .map((tensor) => [tensor.name.slice(6), float32Of(tensor)]),
    )
    const values = tensors
      .filter(({ name }) => name.startsWith('value/'))
      .map((tensor): [string, Float32Array] => {
        const name = tensor.name.slice(6)
        return [name, tensor.dtype === 'I8' ? restored(tensor, scales.get(name)?.[0]) : float32Of(tensor)]
      })
    for (const [name, array] of values)
      if (like !== undefined && (!Object.hasOwn(like, name) || like[name]!.length !== array.length))
        throw new SheikhError(
          'artifact-corrupt',
          `Cannot use the outer gradient ${digest}: it has ${array.length} values for "${name}", but the weights have ${like[name]?.length ?? 'none'}. Restart the workers with the code of this process.`,
          { facts: { digest, tensor: name } },
        )
    return Object.fromEntries(values)
  } finally {
    await removeQuietly(directory)
  }
}

/** Symmetric: integers from −127 to 127, and one scale per tensor. */
function quantized(name: string, values: Float32Array): readonly Tensor[] {
  let largest = 0
  for (let index = 0; index < values.length; index += 1) largest = Math.max(largest, Math.abs(values[index]!))
  const scale = Math.fround(largest / 127)
  const integers = new Int8Array(values.length)
  // A scale that is too small for float32 makes all of them 0.
  if (scale > 0)
    for (let index = 0; index < values.length; index += 1)
      integers[index] = Math.max(-127, Math.min(127, Math.round(values[index]! / scale)))
  return [
    { name: `value/${name}`, dtype: 'I8', shape: [values.length], data: new Uint8Array(integers.buffer) },
    tensorOfFloat32(`scale/${name}`, [1], Float32Array.of(scale)),
  ]
}

/** Without a scale all values are NaN, which the training refuses. */
function restored({ data }: Tensor, scale = Number.NaN): Float32Array {
  const integers = new Int8Array(data.buffer, data.byteOffset, data.length)
  const values = new Float32Array(integers.length)
  for (let index = 0; index < integers.length; index += 1) values[index] = integers[index]! * scale
  return values
}
