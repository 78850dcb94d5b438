import { isAbsolute, join } from 'node:path'
import { directoryFeedback } from '../feedback/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { Composition } from './compose.js'
import type { DriftTrigger } from './config/index.js'
import { projectDrift } from './drift.js'
import type { ProjectPlace } from './project-pipeline.js'
import type { Surroundings } from './release-targets.js'
import type { DriftLook } from './triggers/index.js'

/** The folder of feedback that a configuration names. */
export const feedbackAt = ({ shared }: Surroundings, path: string) =>
  directoryFeedback(isAbsolute(path) ? path : join(shared, path))

const isRun = ({ type }: LedgerEntry) => type === 'run' || type === 'verdict' || type === 'release'

/**
 * Looks for drift in the last complete period of the current release: period k ends k windows after the release was published. All
 * looks at one period see the same answers and decide the same, so that the level of look k holds however often the schedule comes.
 */
export async function lookForDrift(
  {
    place: { git, prefix, surroundings, context },
    composition,
    entries,
  }: {
    readonly place: ProjectPlace
    readonly composition: Composition
    readonly entries: readonly LedgerEntry[]
  },
  { feedback, windowMs, minimumEffect, level }: DriftTrigger,
): Promise<DriftLook> {
  const none = (summary: string): DriftLook => ({ isFound: false, summary })
  const { channel = 'latest' } = composition.configuration.release
  const release = await (await composition.releaser()).current(channel, context)
  if (release === undefined) return none('There is no release to compare.')
  const startMs = release.publishedAtMs
  const look = Math.floor((context.clock.nowMs() - startMs) / windowMs)
  if (look < 1) return none(`The first period of ${release.version} has not ended.`)
  const [fromMs, untilMs] = [startMs + (look - 1) * windowMs, startMs + look * windowMs]
  if (entries.some((entry) => isRun(entry) && entry.atMs >= untilMs))
    return none(`There was a run since period ${look} of ${release.version} ended.`)
  const report = await projectDrift(
    { git, root: surroundings.root, prefix, composition },
    { feedback: feedbackAt(surroundings, feedback), fromMs, untilMs, look, minimumEffect, level },
    context,
  )
  return { isFound: report.status === 'found', summary: report.summary }
}
