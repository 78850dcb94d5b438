import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type CallContext, isSheikhError } from '../../core/index.js'
import { readEvaluation } from '../../evaluation/index.js'
import type { Release, ReleasedAnswers } from '../../releaser/index.js'
import { temporaryFolder } from '../../store/index.js'
import { type SampleRelease, wasTrainedOn } from './sample-uses.js'

/** A release with traces of a sample. JSON. */
export interface ReleaseWithSample extends SampleRelease {
  /** The model was trained on the sample, directly or through a release that it was made from. `unknown`: the data of the release cannot be read. */
  readonly trainedOn: boolean | 'unknown'
  /**
   * What the record in the registry contains. `scores`: its id with the model's score. `ids`: its id in findings, warnings
   * or lists. `digest`: six bytes of a digest of its id.
   */
  readonly record: readonly ('scores' | 'ids' | 'digest')[]
}

// As much as a run unpacks.
const maximumFileBytes = 1 << 28

/** The releases that have any trace of the sample, newest first. */
export async function releasesWithSample(
  id: string,
  history: readonly Release[],
  uses: readonly SampleRelease[],
  context: CallContext,
): Promise<readonly ReleaseWithSample[]> {
  const known = new Map<string, Promise<boolean>>()
  const found: ReleaseWithSample[] = []
  for (const use of uses) {
    const { record } = history.find(({ version }) => version === use.version)!
    const { answers, policy, ...rest } = record
    const scored = answers && (known.get(answers.evaluationDigest) ?? isScored(id, answers, context))
    if (answers && scored) known.set(answers.evaluationDigest, scored)
    const traces: ReleaseWithSample['record'] = [
      ...((await scored) === true ? (['scores'] as const) : []),
      ...(mentions(rest, id) ? (['ids'] as const) : []),
      ...(use.use === 'evaluation' && policy?.items !== undefined ? (['digest'] as const) : []),
    ]
    const trainedOn = wasTrainedOn(use) || (use.use === 'unknown' ? 'unknown' : false)
    if (trainedOn !== false || traces.length > 0 || use.use === 'evaluation' || use.use === 'not-selected')
      found.push({ ...use, trainedOn, record: traces })
  }
  return found
}

/** Whether a string or the name of a member is the id. */
function mentions(value: unknown, id: string): boolean {
  if (typeof value === 'string') return value === id
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, member]) => name === id || mentions(member, id))
}

async function isScored(id: string, { columns }: ReleasedAnswers, context: CallContext): Promise<boolean> {
  const folder = await temporaryFolder('sheikh-answers-')
  try {
    const path = join(folder, 'evaluation.safetensors')
    await writeFile(path, gunzipSync(Buffer.from(columns, 'base64'), { maxOutputLength: maximumFileBytes }))
    return [...(await readEvaluation(path, context)).ids].includes(id)
  } catch (error) {
    context.signal.throwIfAborted()
    // Damaged scores: the sample may be among them.
    if (isSheikhError(error) || error instanceof Error) return true
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
