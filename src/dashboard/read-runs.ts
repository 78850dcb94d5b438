import { callContext, createRedactor, messageOf, redactJson, SheikhError } from '../core/index.js'
import type { RunRecord } from '../pipeline/index.js'
import type { Page, RunAnswer, RunSummary, WaitingRun } from './answers.js'
import { type LiveRun, liveRun } from './live-run.js'
import { pageOf } from './page-of.js'
import type { DashboardSource } from './source.js'

const mostFindings = 200
// As in `sheikh status`: what is older was decided, or something newer was committed since.
const mostRecent = 50

export async function readRunPage(source: DashboardSource, page: number): Promise<Page<RunSummary>> {
  const { items: ids, ...rest } = pageOf(await source.pipeline.runIds(), page, 'runs')
  return { items: await Promise.all(ids.map((id) => readSummary(source, id))), ...rest }
}

async function readSummary({ pipeline }: DashboardSource, runId: string): Promise<RunSummary> {
  const record = await pipeline.runRecord(runId)
  return record === undefined ? { runId, status: 'unreadable' } : summaryOf(record)
}

/** The records of the newest runs; damaged ones are left out. */
export async function recentRecords({ pipeline }: DashboardSource): Promise<readonly RunRecord[]> {
  const ids = (await pipeline.runIds()).slice(0, mostRecent)
  return (await Promise.all(ids.map((id) => pipeline.runRecord(id)))).filter((record) => record !== undefined)
}

/** The runs of the current commit that wait for a person. */
export async function readWaiting(source: DashboardSource): Promise<readonly WaitingRun[]> {
  const [records, commit] = await Promise.all([recentRecords(source), source.commit()])
  return records.flatMap((record) => waits(record, commit) ?? [])
}

/** Absent if it does not wait, or if something newer was committed: nobody can decide on it then. */
function waits(record: RunRecord, commit: string | undefined): WaitingRun | undefined {
  const { runId, status, verdict } = record
  if (record.commit !== commit || (status !== 'awaiting-approval' && status !== 'awaiting-release')) return undefined
  const command = status === 'awaiting-approval' ? `sheikh approve ${runId} --reason "…"` : `sheikh release ${runId}`
  return { runId, status, summary: verdict?.summary ?? 'A release has the same model.', command: command }
}

/** A run as it is now, and its record with nothing in it that the options hide. @throws `not-found`. */
export async function readRun(
  source: DashboardSource,
  runId: string,
): Promise<{ readonly answer: RunAnswer; readonly record?: RunRecord | undefined }> {
  const found = await source.pipeline.runRecord(runId)
  if (found === undefined) {
    if ((await source.pipeline.runIds()).includes(runId))
      return { answer: { run: { runId, status: 'unreadable' }, stages: [] } }
    throw new SheikhError('not-found', `Cannot show the run "${runId}": no run of this machine has this id.`)
  }
  const record = redactJson(found, createRedactor())
  // A value that a host's own stage returned may contain text of samples.
  const stages = source.includeText ? record.stages : record.stages.map(({ value: _, ...stage }) => stage)
  return { answer: await answerOf(source, record), record: { ...record, stages } }
}

export async function answerOf(source: DashboardSource, record: RunRecord): Promise<RunAnswer> {
  const { runId, status, stages, metrics, verdict, baseline, decision } = record
  const isRunning = status === 'running'
  return {
    run: summaryOf(record),
    stages: stages.map(({ name, cached, durationMs }) => ({ name, cached, durationMs })),
    metrics,
    verdict: verdict && {
      status: verdict.status,
      summary: verdict.summary,
      findings: verdict.findings.slice(0, mostFindings),
      findingCount: verdict.findings.length,
    },
    baseline,
    decision,
    live: isRunning ? redactJson(await liveOf(source, runId), createRedactor()) : undefined,
    waits: waits(record, await source.commit()),
  }
}

/** Events that cannot be read are a warning: the run is shown all the same. */
async function liveOf({ pipeline }: DashboardSource, runId: string): Promise<LiveRun> {
  try {
    return await liveRun(pipeline.runEvents(runId), callContext().clock.nowMs())
  } catch (error) {
    return { stages: [], warnings: [`Cannot read the events of this run: ${messageOf(error)}`] }
  }
}

export function summaryOf(record: RunRecord): RunSummary {
  const { runId, command, status, reason, version, commit, startedAtMs, endedAtMs } = record
  const outcome = outcomeOf(record)
  return redactJson(
    { runId, command, status, reason, version, commit, startedAtMs, endedAtMs, outcome },
    createRedactor(),
  )
}

function outcomeOf({ decision, verdict, error, restoredFrom }: RunRecord): string {
  if (error !== undefined) return error.message
  if (decision !== undefined) return `by ${decision.by}: ${decision.reason}`
  return verdict?.summary ?? (restoredFrom === undefined ? '' : `identical to ${restoredFrom}`)
}
