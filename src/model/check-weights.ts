import { join } from 'node:path'
import { type CallContext, isSheikhError } from '../core/index.js'
import { describeDifference, manifestDifferences } from '../store/index.js'
import { checkFormat, type WeightsFormat, weightsFormats } from './check-format.js'
import { findUnsafeContent } from './find-unsafe-content.js'
import type { SafetensorsHeader } from './safetensors-header.js'
import { checkShardIndexes } from './shard-index.js'
import { readSmallJson } from './small-json.js'
import type { WeightsDirectory } from './weights-directory.js'

/**
 * A problem with a file in a weights directory. `file` is the relative path, `problem` a predicate without subject and
 * full stop.
 */
export interface WeightsProblem {
  readonly file: string
  readonly problem: string
  /** The file runs code when it is loaded, or its content cannot be examined. */
  readonly unsafe?: true | undefined
  /** No file is in a format that can be checked, or a file that the format needs is missing. */
  readonly format?: true | undefined
}

/**
 * Finds all problems with the files of a weights directory. Returns an empty list if there are none.
 *
 * Every file, whatever its name, is compared with its digest, searched for code (`findUnsafeContent`) and checked by its
 * format (`checkFormat`). At least one file must contain weights in a known format. Safetensors need a `config.json` that is a
 * JSON object. An index of shards must match the shards.
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
  const formats = new Set<WeightsFormat>()
  const problems = [...differences]
  for (const file of present) {
    context.signal.throwIfAborted()
    problems.push(...(await problemsOf(weights.path, file, { headers, formats }, context)))
  }
  problems.push(...requiredFileProblems(weights, formats))
  problems.push(...(await checkShardIndexes(weights.path, present, headers)))
  return problems
}

async function differenceProblems(weights: WeightsDirectory, context: CallContext): Promise<WeightsProblem[]> {
  try {
    const differences = await manifestDifferences(weights.path, weights.manifest, context, { skipUnchanged: true })
    return differences.map((difference) => ({
      file: difference.path,
      problem: describeDifference(difference).slice(JSON.stringify(difference.path).length + 1),
    }))
  } catch (error) {
    const facts = isSheikhError(error) ? error.facts : {}
    // If a file in the directory is at fault, the facts contain both paths.
    return [problemOf('directory' in facts ? String(facts['path']) : '.', error)]
  }
}

function requiredFileProblems({ manifest }: WeightsDirectory, formats: ReadonlySet<WeightsFormat>): WeightsProblem[] {
  // A damaged safetensors file is reported separately and does not count as missing.
  const hasSafetensors = formats.has('safetensors') || manifest.files.some(({ path }) => path.endsWith('.safetensors'))
  if (formats.size === 0 && !hasSafetensors)
    return [
      {
        file: '.',
        problem: `has no weight file in a format that can be checked (${weightsFormats.join(', ')})`,
        format: true,
      },
    ]
  if (hasSafetensors && !manifest.files.some(({ path }) => path === 'config.json'))
    return [{ file: 'config.json', problem: 'is required with safetensors, but missing', format: true }]
  return []
}

async function problemsOf(
  directory: string,
  file: string,
  found: { readonly headers: Map<string, SafetensorsHeader>; readonly formats: Set<WeightsFormat> },
  context: CallContext,
): Promise<WeightsProblem[]> {
  const path = join(directory, file)
  try {
    const unsafe = await findUnsafeContent(path, context)
    if (unsafe !== undefined) return [{ file, problem: unsafe, unsafe: true }]
    if (file === 'config.json') {
      const config = await readSmallJson(path)
      return typeof config === 'string' ? [{ file, problem: config }] : []
    }
    const { format, header, problem } = await checkFormat(path, context)
    if (header !== undefined) found.headers.set(file, header)
    if (problem !== undefined) return [{ file, problem }]
    if (format !== undefined) found.formats.add(format)
    return []
  } catch (error) {
    return [problemOf(file, error)]
  }
}

/** Converts errors about damaged or missing files to problems. Aborts and failing disks are thrown. */
function problemOf(file: string, error: unknown): WeightsProblem {
  if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
  const fact = error.facts['fact']
  return { file, problem: typeof fact === 'string' ? `is not sound: ${fact}` : error.message.replace(/\.$/, '') }
}
