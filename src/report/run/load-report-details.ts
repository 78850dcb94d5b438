import { isSheikhError, SheikhError } from '../../core/index.js'
import type { RunEvaluations, RunRecord } from '../../pipeline/index.js'
import type { LoadedProject } from '../../repository/index.js'
import type { ReportDetails } from './report-details.js'

interface ReportedRun {
  readonly project: LoadedProject
  readonly record: RunRecord
  /** All runs of the store. */
  readonly runs: readonly RunRecord[]
  readonly includeText?: boolean | undefined
}

/** What the project adds to the record of a run. @throws `evaluation-invalid` if texts are asked that the run did not judge. */
export async function loadReportDetails(run: ReportedRun): Promise<ReportDetails> {
  const { project, record, runs, includeText = false } = run
  return {
    project: project.name,
    evaluations: await evaluationsOf(run),
    released: runs.find(({ version, status }) => status === 'released' && version === record.baseline),
    inputs: includeText ? await inputsOf(project, record) : undefined,
    promptTexts: includeText ? await project.promptTexts(record) : undefined,
  }
}

/** Absent if the run judged nothing, or the store has lost it: the rest of the report does not need it. */
async function evaluationsOf({ project, record }: ReportedRun): Promise<RunEvaluations | undefined> {
  if (record.evaluations?.candidate === undefined) return undefined
  try {
    return await project.pipeline.evaluations(record.runId)
  } catch (error) {
    if (isSheikhError(error, 'not-found')) return undefined
    throw error
  }
}

/** The inputs of the run's evaluation set. */
async function inputsOf(
  project: LoadedProject,
  { runId, commit, dataset }: RunRecord,
): Promise<ReadonlyMap<string, string>> {
  const rows = await project.evaluationRows()
  if (rows.digest !== dataset?.evaluationDigest)
    throw new SheikhError(
      'evaluation-invalid',
      `Cannot show the texts of run ${runId}: the evaluation set, or the template or settings that make its questions, have changed since. Check out ${commit ?? 'the commit of the run'} first.`,
    )
  const inputs = new Map<string, string>()
  for await (const { id, input } of rows) inputs.set(id, typeof input === 'string' ? input : JSON.stringify(input))
  return inputs
}
