import { join, posix } from 'node:path'
import type { WeightsProblem } from './check-weights.js'
import type { SafetensorsHeader } from './safetensors-header.js'
import { shown } from './safetensors-header-json.js'
import { readSmallJson } from './small-json.js'

const indexSuffix = '.safetensors.index.json'
const shardName = /^(.+)-\d{5}-of-\d{5}\.safetensors$/

/**
 * Compares every `<name>.safetensors.index.json` with its shards: each tensor must be in the shard that the map names,
 * and only there. `metadata.total_size` is not compared: transformers counts storages, which tensors may share or not
 * fill.
 *
 * @param headers of the valid safetensors files; problems of the others are reported elsewhere.
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
      problems.push({ file, problem: `is a shard, but ${shown(`${stem}${indexSuffix}`)} is missing` })
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
    // Compared with the manifest's paths, so that a path outside the directory never matches.
    if (!files.includes(shard) || !shard.endsWith('.safetensors'))
      problems.push({ file: index, problem: `names ${shown(shard)}, which is not a safetensors file in the directory` })
    else problems.push(...compareShard(index, shard, names, headers.get(shard)))
  }
  for (const file of files)
    if (shardName.exec(file)?.[1] === stem && !mapped.has(file))
      problems.push({ file, problem: `is a shard that ${shown(index)} does not name` })
  return problems
}

/** Reports the first tensor that only the map contains, and the first that only the shard contains. */
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
    problems.push({
      file: index,
      problem: `assigns tensor ${shown(lacking)} to ${shown(shard)}, which does not contain it`,
    })
  if (unnamed !== undefined)
    problems.push({
      file: shard,
      problem: `contains tensor ${shown(unnamed)}, which ${shown(index)} does not assign to it`,
    })
  return problems
}
