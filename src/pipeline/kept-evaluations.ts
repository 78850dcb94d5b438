import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, SheikhError } from '../core/index.js'
import { type Evaluation, readEvaluation } from '../evaluation/index.js'
import type { Store } from '../store/index.js'
import { temporaryFolder } from '../store/index.js'
import { readRun } from './run-records.js'
import { evaluationFile } from './stages/score-model.js'

/** What a run judged, item by item. */
export interface RunEvaluations {
  readonly candidate: Evaluation
  readonly baseline?: Evaluation | undefined
  readonly best?: Evaluation | undefined
}

/** The evaluations that a run judged. @throws `not-found` where the run kept none, `artifact-corrupt`. */
export async function keptEvaluations(store: Store, runId: string, context: CallContext): Promise<RunEvaluations> {
  const { evaluations } = (await readRun(store, runId)) ?? {}
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
