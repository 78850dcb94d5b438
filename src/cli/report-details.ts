import { isSheikhError, SheikhError } from '../core/index.js'
import type { Pipeline, RunEvaluations, RunRecord } from '../pipeline/index.js'
import type { ReportDetails } from '../report/index.js'
import type { Repository } from '../repository/index.js'

interface ReportedRun {
  readonly repository: Repository
  readonly pipeline: Pipeline<unknown, unknown>
  readonly record: RunRecord
  /** All runs of the store. */
  readonly runs: readonly RunRecord[]
  readonly includeText?: boolean | undefined
}

/** What the project adds to the record of a run. @throws `evaluation-invalid` if texts are asked that the run did not judge. */
export async function reportDetails(run: ReportedRun): Promise<ReportDetails> {
  const { repository, record, runs, includeText = false } = run
  return {
    project: await repository.name(),
    evaluations: await evaluationsOf(run),
    released: runs.find(({ version, status }) => status === 'released' && version === record.baseline),
    inputs: includeText ? await inputsOf(repository, record) : undefined,
  }
}

/** Absent if the run judged nothing, or the store has lost it: the rest of the report does not need it. */
async function evaluationsOf({ pipeline, record }: ReportedRun): Promise<RunEvaluations | undefined> {
  if (record.evaluations?.candidate === undefined) return undefined
  try {
    return await pipeline.evaluations(record.runId)
  } catch (error) {
    if (isSheikhError(error, 'not-found')) return undefined
    throw error
  }
}

/** The inputs of the run's evaluation set. */
async function inputsOf(
  repository: Repository,
  { runId, commit, dataset }: RunRecord,
): Promise<ReadonlyMap<string, string>> {
  const rows = await repository.evaluationRows()
  if (rows.digest !== dataset?.evaluationDigest)
    throw new SheikhError(
      'evaluation-invalid',
      `Cannot show the texts of run ${runId}: the evaluation set has changed since. Check out ${commit ?? 'the commit of the run'} first.`,
    )
  const inputs = new Map<string, string>()
  for await (const { id, input } of rows) inputs.set(id, typeof input === 'string' ? input : JSON.stringify(input))
  return inputs
}
