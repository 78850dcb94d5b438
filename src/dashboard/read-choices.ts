import { isRunId } from '../core/index.js'
import type { Choice, ComparablePair } from './pages/compare.js'
import { readReleases } from './read-releases.js'
import { recentRecords } from './read-runs.js'
import type { DashboardSource } from './source.js'

const mostReleases = 50

/** What can be compared: the newest releases and the newest runs that were judged; and each release with the one before. */
export async function readChoices(
  source: DashboardSource,
): Promise<readonly [choices: readonly Choice[], pairs: readonly ComparablePair[]]> {
  const releases = (await readReleases(source)).slice(0, mostReleases)
  // A release by a run of another machine, or of an earlier model, has no answers here.
  const records = await Promise.all(releases.map(({ runId }) => source.pipeline.runRecord(runId)))
  const scored = releases.filter((_, index) => records[index]?.evaluations?.candidate !== undefined)
  const runs = (await recentRecords(source)).filter(
    ({ runId, version, evaluations }) =>
      isRunId(runId) && version === undefined && evaluations?.candidate !== undefined,
  )
  const choices = [
    ...scored.map(({ version, channels }) => ({
      name: version,
      text: `release ${version}${channels.length === 0 ? '' : ` (${channels.join(', ')})`}`,
    })),
    ...runs.map(({ runId, status }) => ({ name: runId, text: `run ${runId} (${status})` })),
  ]
  const pairs = scored
    .slice(0, -1)
    .map(({ version }, index) => ({ after: version, before: scored[index + 1]!.version }))
  return [choices, pairs]
}
