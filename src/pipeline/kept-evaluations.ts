import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, SheikhError } from '../core/index.js'
import { type Evaluation, readEvaluation } from '../evaluation/index.js'
import type { Store } from '../store/index.js'
import { temporaryFolder } from '../store/index.js'
import { readRun } from './run-records.js'
import type { KeptEvaluations, RunRecord } from './run-result.js'
import { evaluationFile } from './stages/score-model.js'

/** What a run judged, item by item. */
export interface RunEvaluations {
  readonly candidate: Evaluation
  readonly baseline?: Evaluation | undefined
  readonly best?: Evaluation | undefined
}

/**
 * The evaluations that a run judged. For a run that published a model without judging it, such as an approval or a rollback: those of
 * the latest run that judged the model.
 *
 * @throws `not-found` if no such run kept any; `artifact-corrupt`.
 */
export async function keptEvaluations(store: Store, runId: string, context: CallContext): Promise<RunEvaluations> {
  const evaluations = await evaluationsOf(store, runId)
  const read = async (digest: Digest | undefined): Promise<Evaluation | undefined> => {
    if (digest === undefined) return undefined
    const directory = await temporaryFolder('sheikh-evaluation-')
    try {
      await store.objects.getDirectory(digest, join(directory, 'kept'), context)
      return await readEvaluation(join(directory, 'kept', evaluationFile), context)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  const candidate = await read(evaluations?.candidate)
  if (candidate === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot show what the run ${runId} judged: it kept no evaluation. Ask for a run that got as far as the gate, of parts that have a version.`,
      { facts: { runId } },
    )
  return { candidate, baseline: await read(evaluations?.baseline), best: await read(evaluations?.best) }
}

async function evaluationsOf(store: Store, runId: string): Promise<KeptEvaluations | undefined> {
  const run = await readRun(store, runId)
  if (run?.evaluations?.candidate !== undefined || run?.bundle === undefined || !isPublishedAgain(run))
    return run?.evaluations
  const earlier = (await store.runs.list()).filter((id) => id < runId).sort()
  for (const id of earlier.toReversed()) {
    const other = await readRun(store, id)
    if (other?.bundle === run.bundle && other.evaluations?.candidate !== undefined) return other.evaluations
  }
  return run.evaluations
}

/** Not a run that failed before the gate, or whose own evaluation was not kept: an older one would say nothing about it. */
const isPublishedAgain = ({ command, status }: RunRecord) =>
  command === 'approve' || command === 'override' || status === 'restored'
