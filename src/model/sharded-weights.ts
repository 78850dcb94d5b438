import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, SheikhError } from '../core/index.js'
import { writeFileAtomic } from '../store/index.js'
import { readSafetensors, type Tensor } from './safetensors.js'
import { writeSafetensors } from './safetensors-writer.js'
import { readSmallJson } from './small-json.js'

/** The default of transformers since version 4. */
const defaultShardBytes = 5e9

export interface WriteWeightsOptions {
  /** Maximum size of a file, unless a single tensor is larger. @default 5·10⁹ */
  readonly maximumShardBytes?: number | undefined
}

/**
 * Writes `<stem>.safetensors`, or shards with their index, in the layout of Hugging Face. Tensors are sorted by name,
 * so that the same tensors give the same files.
 *
 * @throws as `writeSafetensors`.
 */
export async function writeWeights(
  directory: string,
  stem: string,
  tensors: readonly Tensor[],
  { maximumShardBytes = defaultShardBytes }: WriteWeightsOptions,
  context: CallContext,
): Promise<void> {
  const shards: Tensor[][] = []
  let sizeBytes = Number.POSITIVE_INFINITY
  for (const tensor of [...tensors].sort((left, right) => (left.name < right.name ? -1 : 1))) {
    if (sizeBytes + tensor.data.byteLength > maximumShardBytes) {
      shards.push([])
      sizeBytes = 0
    }
    shards.at(-1)!.push(tensor)
    sizeBytes += tensor.data.byteLength
  }
  if (shards.length <= 1) {
    await writeSafetensors(join(directory, `${stem}.safetensors`), tensors, {}, context)
    return
  }
  const digits = (number: number) => String(number).padStart(5, '0')
  const nameOf = (index: number) => `${stem}-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`
  for (const [index, shard] of shards.entries())
    await writeSafetensors(join(directory, nameOf(index)), shard, {}, context)
  const totalBytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0)
  const weightMap = Object.fromEntries(shards.flatMap((shard, index) => shard.map(({ name }) => [name, nameOf(index)])))
  await writeFileAtomic(
    join(directory, `${stem}.safetensors.index.json`),
    `${JSON.stringify({ metadata: { total_size: totalBytes }, weight_map: weightMap }, null, 2)}\n`,
  )
}

/**
 * Reads `<stem>.safetensors`, or its shards one after the other.
 *
 * @param wanted whether to keep a tensor, by its name.
 * @throws `artifact-corrupt` if neither exists, or an index names an invalid file.
 */
export async function readWeights(
  directory: string,
  stem: string,
  wanted: (name: string) => boolean,
  context: CallContext,
): Promise<ReadonlyMap<string, Tensor>> {
  const found = new Map<string, Tensor>()
  for (const file of await weightFiles(directory, stem)) {
    const { tensors } = await readSafetensors(join(directory, file), context, { wanted })
    for (const tensor of tensors) found.set(tensor.name, tensor)
  }
  return found
}

async function weightFiles(directory: string, stem: string): Promise<readonly string[]> {
  const names = await readdir(directory)
  const [whole, index] = [`${stem}.safetensors`, `${stem}.safetensors.index.json`]
  if (names.includes(whole)) return [whole]
  if (!names.includes(index)) throw corrupt(directory, `it contains neither ${whole} nor ${index}`)
  const document = await readSmallJson(join(directory, index))
  if (typeof document === 'string') throw corrupt(directory, `its ${index} ${document}`)
  const map = document['weight_map']
  const files = [...new Set(Object.values(typeof map === 'object' && map !== null ? map : {}))].sort()
  const isSound = (file: unknown): file is string => typeof file === 'string' && names.includes(file)
  // A name that is in the folder cannot lead out of it.
  if (files.length === 0 || !files.every(isSound))
    throw corrupt(directory, `its ${index} names files that do not exist`)
  return files
}

const corrupt = (directory: string, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot load the weights in ${JSON.stringify(directory)}: ${fact}. Download them again.`,
    {
      facts: { directory },
    },
  )
