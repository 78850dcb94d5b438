import { join, posix } from 'node:path'
import type { WeightsProblem } from './check-weights.js'
import type { SafetensorsHeader } from './safetensors-header.js'
import { shown } from './safetensors-header-json.js'
import { readSmallJson } from './small-json.js'

const indexSuffix = '.safetensors.index.json'
const shardName = /^(.+)-\d{5}-of-\d{5}\.safetensors$/

/**
 * Compares every `<name>.safetensors.index.json` with the shards beside it: each tensor is where the map says, and nowhere else.
 * `metadata.total_size` is not compared: by transformers it counts storages, which tensors may share or not fill.
 *
 * @param headers of the sound safetensors files; what is wrong with the others is told elsewhere.
 */
export async function checkShardIndexes(
  directory: string,
  files: readonly string[],
  headers: ReadonlyMap<string, SafetensorsHeader>,
): Promise<readonly WeightsProblem[]> {
  const problems: WeightsProblem[] = []
  for (const index of files.filter((file) => file.endsWith(indexSuffix)))
    problems.push(...(await checkIndex(directory, index, files, headers)))
  for (const file of files) {
    const stem = shardName.exec(file)?.[1]
    if (stem !== undefined && !files.includes(`${stem}${indexSuffix}`))
      problems.push({ file, problem: `is a shard, and ${shown(`${stem}${indexSuffix}`)} is not there` })
  }
  return problems
}

async function checkIndex(
  directory: string,
  index: string,
  files: readonly string[],
  headers: ReadonlyMap<string, SafetensorsHeader>,
): Promise<WeightsProblem[]> {
  const document = await readSmallJson(join(directory, index))
  if (typeof document === 'string') return [{ file: index, problem: document }]
  const weightMap = document['weight_map']
  if (typeof weightMap !== 'object' || weightMap === null || Array.isArray(weightMap))
    return [{ file: index, problem: 'has no object "weight_map"' }]

  const folder = posix.dirname(index)
  const stem = index.slice(0, -indexSuffix.length)
  const problems: WeightsProblem[] = []
  const mapped = new Map<string, Set<string>>()
  for (const [tensor, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string') return [{ file: index, problem: `names no file for tensor ${shown(tensor)}` }]
    const path = folder === '.' ? shard : `${folder}/${shard}`
    const names = mapped.get(path) ?? new Set()
    mapped.set(path, names.add(tensor))
  }
  for (const [shard, names] of mapped) {
    // Compared with the manifest's own paths, so that one that climbs names nothing.
    if (!files.includes(shard) || !shard.endsWith('.safetensors'))
      problems.push({ file: index, problem: `names ${shown(shard)}, which is not a safetensors file that is there` })
    else problems.push(...compareShard(index, shard, names, headers.get(shard)))
  }
  for (const file of files)
    if (shardName.exec(file)?.[1] === stem && !mapped.has(file))
      problems.push({ file, problem: `is a shard that ${shown(index)} does not name` })
  return problems
}

/** The first tensor that the map has and the shard lacks, and the first the other way round. */
function compareShard(
  index: string,
  shard: string,
  names: ReadonlySet<string>,
  header: SafetensorsHeader | undefined,
): WeightsProblem[] {
  if (header === undefined) return []
  const held = new Set(header.tensors.map(({ name }) => name))
  const lacking = [...names].find((name) => !held.has(name))
  const unnamed = [...held].find((name) => !names.has(name))
  const problems: WeightsProblem[] = []
  if (lacking !== undefined)
    problems.push({ file: index, problem: `has tensor ${shown(lacking)} in ${shown(shard)}, which lacks it` })
  if (unnamed !== undefined)
    problems.push({
      file: shard,
      problem: `holds tensor ${shown(unnamed)}, which ${shown(index)} does not place there`,
    })
  return problems
}
