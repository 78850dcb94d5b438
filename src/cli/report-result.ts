import { env } from 'node:process'
import { escapeMarkdown } from '../core/index.js'
import type { RunResult } from '../pipeline/index.js'
import type { LoadedProject } from '../repository/index.js'

/** The report of a run as Markdown; `undefined` if the store has lost its record. */
export async function markdownOf(project: LoadedProject, { runId }: RunResult): Promise<string | undefined> {
  const { loadReportDetails, reportRun } = await import('../report/run/index.js')
  const runs = await project.pipeline.runs()
  const record = runs.find((one) => one.runId === runId)
  return record && reportRun(record, await loadReportDetails({ project, record, runs }))
}

/** In GitHub Actions: the outputs `status`, `run` and `version`, and the report as job summary. */
export async function reportResultToActions(result: RunResult, report: string = result.status): Promise<void> {
  const { reportStep } = await import('../repository/index.js')
  const version = 'release' in result ? result.release.version : undefined
  await reportStep({ status: result.status, run: result.runId, version }, report, env)
}

/** The same if nothing was run. */
export async function reportNotTriggeredToActions(status: string, reason: string): Promise<void> {
  const { reportStep } = await import('../repository/index.js')
  await reportStep({ status }, escapeMarkdown(reason), env)
}
