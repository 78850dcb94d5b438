import {
  callContext,
  createRedactor,
  digestJson,
  isRunId,
  isSheikhError,
  messageOf,
  redactJson,
  SheikhError,
} from '../core/index.js'
import { compareEvaluations, type LedgerEntry, type Verdict } from '../gate/index.js'
import { isVersion, type Release } from '../releaser/index.js'
import { primaryMetric } from '../report/index.js'
import type { LedgerAnswer, OverviewAnswer, Page, PanelsAnswer, Part, ReleaseSummary } from './answers.js'
import { pageOf } from './page-of.js'
import { answerOf, readWaiting, recentRecords, summaryOf } from './read-runs.js'
import type { DashboardSource } from './source.js'

const newestRuns = 10

export async function readOverview(source: DashboardSource): Promise<OverviewAnswer> {
  const { pipeline } = source
  const records = await recentRecords(source)
  const running = records.filter(({ status }) => status === 'running')
  return {
    project: source.project,
    running: await Promise.all(running.map((record) => answerOf(source, record))),
    waiting: await part(() => readWaiting(source)),
    released: await part(async () => (await readReleases(source)).filter(({ channels }) => channels.length > 0)),
    missingReleases: await part(() => pipeline.missingReleases()),
    runs: records.slice(0, newestRuns).map(summaryOf),
    ledger: await part(async () => {
      const entries = await pipeline.ledger()
      return { entries: entries.length, tip: tipOf(entries) }
    }),
  }
}

/** The value, or the error in words. */
export async function part<Value>(read: () => Promise<Value>): Promise<Part<Value>> {
  try {
    return { value: await read() }
  } catch (error) {
    return { error: partError(error) }
  }
}

export const partError = (error: unknown) => ({
  code: isSheikhError(error) ? error.code : null,
  message: createRedactor()(messageOf(error)),
})

export const readReleasePage = async (source: DashboardSource, page: number): Promise<Page<ReleaseSummary>> =>
  pageOf(await readReleases(source), page, 'releases')

/** All releases, newest first. */
export async function readReleases({ pipeline }: DashboardSource): Promise<readonly ReleaseSummary[]> {
  const [releases, channels] = await Promise.all([pipeline.history(), pipeline.channels()])
  const pointing = (version: string) => Object.keys(channels).filter((name) => channels[name] === version)
  return releases.map((release) => redactJson(releaseSummary(release, pointing(release.version)), createRedactor()))
}

function releaseSummary(release: Release, channels: readonly string[]): ReleaseSummary {
  const { version, bundle, publishedAtMs, record, withdrawn, removedAtMs } = release
  return {
    ...{ version, bundle, publishedAtMs, channels, runId: record.runId, commit: record.commit },
    verdict: record.verdict?.status,
    metric: primaryMetric(record),
    decidedBy: decidedBy(release),
    isSigned: record.attestation !== undefined,
    withdrawn,
    removedAtMs,
  }
}

function decidedBy({ record, postPublish }: Release): string {
  const { override, approval, importedFrom, restoredFrom, verdict } = record
  if (override !== undefined) return `override by ${override.by}`
  if (approval !== undefined) return `approval by ${approval.by}`
  if (importedFrom !== undefined) return `import${importedFrom.by === undefined ? '' : ` by ${importedFrom.by}`}`
  if (restoredFrom !== undefined)
    return `${restoredFrom} again${postPublish.by === undefined ? '' : `, by ${postPublish.by}`}`
  return verdict === undefined ? 'unknown' : verdict.status === 'pass' ? 'the gate' : 'the policy'
}

/**
 * Compares the models of two runs or releases on the items that both were judged on.
 *
 * @param before a version or the id of a run.
 * @throws `not-found` if this machine does not have the answers of both; as `compareEvaluations`.
 */
export async function readComparison(source: DashboardSource, before: string, after: string): Promise<Verdict> {
  const [reference, candidate] = await Promise.all([evaluationOf(source, before), evaluationOf(source, after)])
  const baselineName = isVersion(before) ? before : `run ${before}`
  return redactJson(await compareEvaluations(candidate, reference, { baselineName }, callContext()), createRedactor())
}

async function evaluationOf({ pipeline }: DashboardSource, name: string) {
  if (isRunId(name)) return (await pipeline.evaluations(name)).candidate
  const release = isVersion(name) ? (await pipeline.history()).find(({ version }) => version === name) : undefined
  if (release === undefined)
    throw new SheikhError('not-found', `Cannot compare with ${name}: there is no such release or run.`)
  return (await pipeline.evaluations(release.record.runId)).candidate
}

/** Reading verifies the chain. @throws `artifact-corrupt`. */
export async function readLedger({ pipeline }: DashboardSource, page: number): Promise<LedgerAnswer> {
  const entries = await pipeline.ledger()
  return redactJson({ ...pageOf(entries.toReversed(), page, 'ledger'), tip: tipOf(entries) }, createRedactor())
}

function tipOf(entries: readonly LedgerEntry[]) {
  const last = entries.at(-1)
  // A line of the ledger is the canonical JSON of its entry.
  return last === undefined ? null : digestJson(last)
}

export const readPanels = ({ panels }: DashboardSource): Promise<PanelsAnswer> =>
  Promise.all(panels.map(async ({ name, read }) => ({ name, sections: await part(read) })))
