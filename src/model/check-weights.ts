import { join } from 'node:path'
import { type CallContext, isSheikhError } from '../core/index.js'
import { describeDifference, manifestDifferences } from '../store/index.js'
import { findPickle } from './find-pickle.js'
import { findNonFinite } from './safetensors-finite.js'
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors-header.js'
import { shown } from './safetensors-header-json.js'
import { checkShardIndexes } from './shard-index.js'
import { readSmallJson } from './small-json.js'
import type { WeightsDirectory } from './weights-directory.js'

/** What is wrong with a file of a weights directory: `file` is its path below it, `problem` a sentence with neither name nor stop. */
export interface WeightsProblem {
  readonly file: string
  readonly problem: string
}

/**
 * Looks for all that is wrong with the files of a weights directory: empty means sound.
 *
 * Every file is hashed again and searched for a pickle by its content; `config.json` is a JSON object; there are safetensors, each
 * one valid and finite; an index and its shards say the same.
 */
export async function checkWeights(
  weights: WeightsDirectory,
  context: CallContext,
): Promise<readonly WeightsProblem[]> {
  context.signal.throwIfAborted()
  const differences = await differenceProblems(weights, context)
  const absent = new Set(differences.filter(({ problem }) => problem === 'is missing').map(({ file }) => file))
  const present = weights.manifest.files.map(({ path }) => path).filter((path) => !absent.has(path))
  const headers = new Map<string, SafetensorsHeader>()
  const problems = [...differences, ...requiredFileProblems(weights)]
  for (const file of present) {
    context.signal.throwIfAborted()
    const found = await problemsOf(weights.path, file, headers, context)
    problems.push(...found)
  }
  problems.push(...(await checkShardIndexes(weights.path, present, headers)))
  return problems
}

async function differenceProblems(weights: WeightsDirectory, context: CallContext): Promise<WeightsProblem[]> {
  try {
    const differences = await manifestDifferences(weights.path, weights.manifest, context)
    return differences.map((difference) => ({
      file: difference.path,
      problem: describeDifference(difference).slice(JSON.stringify(difference.path).length + 1),
    }))
  } catch (error) {
    const facts = isSheikhError(error) ? error.facts : {}
    // Where a file below the directory is at fault, the facts hold both.
    return [problemOf('directory' in facts ? String(facts['path']) : '.', error)]
  }
}

function requiredFileProblems({ manifest }: WeightsDirectory): WeightsProblem[] {
  const problems: WeightsProblem[] = []
  if (!manifest.files.some(({ path }) => path === 'config.json'))
    problems.push({ file: 'config.json', problem: 'is required and not there' })
  if (!manifest.files.some(({ path }) => isSafetensors(path)))
    problems.push({ file: 'model.safetensors', problem: 'is required, or another safetensors file, and none is there' })
  return problems
}

async function problemsOf(
  directory: string,
  file: string,
  headers: Map<string, SafetensorsHeader>,
  context: CallContext,
): Promise<WeightsProblem[]> {
  const path = join(directory, file)
  try {
    const pickle = await findPickle(path, context)
    if (pickle !== undefined) return [{ file, problem: pickle }]
    if (file === 'config.json') {
      const config = await readSmallJson(path)
      if (typeof config === 'string') return [{ file, problem: config }]
    }
    if (!isSafetensors(file)) return []
    const header = await readSafetensorsHeader(path, context)
    headers.set(file, header)
    const odd = await findNonFinite(path, header, context)
    if (odd === undefined) return []
    return [{ file, problem: `holds a value that is not finite: element ${odd.index} of tensor ${shown(odd.tensor)}` }]
  } catch (error) {
    return [problemOf(file, error)]
  }
}

/** Damage and absence are what is looked for; an abort or a disk that fails is not an answer, and is thrown. */
function problemOf(file: string, error: unknown): WeightsProblem {
  if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
  const fact = error.facts['fact']
  return { file, problem: typeof fact === 'string' ? `is not sound: ${fact}` : error.message.replace(/\.$/, '') }
}

const isSafetensors = (path: string) => path.endsWith('.safetensors')
