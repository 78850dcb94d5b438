import { callContext, isSheikhError, messageOf } from '../core/index.js'
import type { Pipeline, RunRecord } from '../pipeline/index.js'
import { loadReportDetails, type ReportDetails } from '../report/run/index.js'
import type { ReleaseLog, Repository } from '../repository/index.js'
import { type DashboardPanel, driftPanel, experimentsPanel, feedbackPanel } from './panels.js'
import { remembered } from './remembered.js'

/** The parts of a pipeline that read. */
export type ReadPipeline = Pick<
  Pipeline<unknown, unknown>,
  'runIds' | 'runRecord' | 'runEvents' | 'history' | 'channels' | 'ledger' | 'missingReleases' | 'evaluations'
>

/** What the dashboard shows. It has no function that changes anything. */
export interface DashboardSource {
  /** Name of the project. */
  readonly project: string
  readonly pipeline: ReadPipeline
  /** The commit HEAD; `undefined` if there is none. */
  commit(): Promise<string | undefined>
  /** Where a release comes from. @throws `not-found`. */
  log(version: string): Promise<ReleaseLog>
  /** What the report of a run shows beside its record. */
  details(record: RunRecord): Promise<RunDetails>
  readonly includeText: boolean
  readonly panels: readonly DashboardPanel[]
}

export interface RunDetails {
  readonly details: ReportDetails
  /** Why something is missing. */
  readonly problem?: string | undefined
}

export interface ProjectSourceOptions {
  /** Show text of samples in the reports of runs. @default false */
  readonly includeText?: boolean | undefined
  /** The folder in which a server keeps feedback. @default none: feedback is not shown */
  readonly feedback?: string | undefined
  /** A file with a drift report, the JSON of `detectDrift`. @default none: drift is not shown */
  readonly drift?: string | undefined
}

// A registry on another machine is not asked at every refresh of every page.
const rememberMs = 30_000

/** Reads the project's configuration once. @throws as `Repository.load`. */
export async function projectSource(
  repository: Repository,
  { includeText = false, feedback, drift }: ProjectSourceOptions = {},
): Promise<DashboardSource> {
  const project = await repository.load()
  const pipeline = rememberedReads(project.pipeline)
  const details = async (record: RunRecord): Promise<RunDetails> => {
    const runs = await baselineRun(pipeline, record)
    const load = async (withText: boolean) => ({
      ...(await loadReportDetails({ project, record, runs, includeText: withText })),
      // The page has the name of the project already.
      project: undefined,
    })
    try {
      return { details: await load(includeText) }
    } catch (error) {
      if (!isSheikhError(error)) throw error
      const details = includeText ? await load(false).catch(() => undefined) : undefined
      return { details: details ?? {}, problem: messageOf(error) }
    }
  }
  return {
    project: project.name,
    pipeline,
    commit: async () => (await repository.head())?.oid,
    log: (version) => repository.log(version),
    details,
    includeText,
    panels: [
      experimentsPanel(pipeline),
      ...(drift === undefined ? [] : [driftPanel(drift)]),
      ...(feedback === undefined ? [] : [feedbackPanel(feedback)]),
    ],
  }
}

/** The run that made the release which a run was compared with, if this machine has its record. */
async function baselineRun(pipeline: ReadPipeline, { baseline }: RunRecord): Promise<readonly RunRecord[]> {
  if (baseline === undefined) return []
  const releases = await pipeline.history().catch(() => [])
  const runId = releases.find(({ version }) => version === baseline)?.record.runId
  const record = runId === undefined ? undefined : await pipeline.runRecord(runId)
  return record === undefined ? [] : [record]
}

/** Reads registry and ledger at most every 30 s, and at once when a run of this machine begins or ends. */
function rememberedReads(pipeline: Pipeline<unknown, unknown>): ReadPipeline {
  const { clock } = callContext({})
  const newestRun = async () => {
    const [id] = await pipeline.runIds()
    return id === undefined ? '' : `${id} ${(await pipeline.runRecord(id))?.status}`
  }
  const once = <T>(read: () => Promise<T>) => remembered(read, { forMs: rememberMs, clock, key: newestRun })
  return {
    runIds: () => pipeline.runIds(),
    runRecord: (runId) => pipeline.runRecord(runId),
    runEvents: (runId) => pipeline.runEvents(runId),
    evaluations: (runId) => pipeline.evaluations(runId),
    history: once(() => pipeline.history()),
    channels: once(() => pipeline.channels()),
    ledger: once(() => pipeline.ledger()),
    missingReleases: once(() => pipeline.missingReleases()),
  }
}
