// How a run begins, and the release of a run from another machine: what is released, and what the sources are now.
import type { Digest } from '../core/index.js'
import { endedOverride, type Release } from '../releaser/index.js'
import { findBySource, isRemoved } from './lookup.js'
import { checkReleasesPresent } from './missing-releases.js'
import { warnOfAncestor } from './named-base.js'
import type { RunOptions } from './options.js'
import { askProvenance, recordProvenance } from './provenance.js'
import { observe, type Recovered, recover } from './recovery.js'
import { restore } from './restore.js'
import type { RunResult } from './run-result.js'
import type { Session } from './session.js'
import { recordSourceKey } from './source.js'
import { type Validated, validateStage } from './stages/validate.js'

/** What is released, as a decision sees it. */
export interface Known {
  readonly history: readonly Release[]
  readonly current: Release | undefined
}

/** The sources as they are now. */
export interface Sources extends Validated {
  readonly key: Digest | undefined
}

/**
 * Reads the registry, the ledger and the commit.
 *
 * @param options.until with a value, nothing is written: what a killed command left stays for a machine that may publish.
 */
export async function readReleased(session: Session, options: RunOptions): Promise<Known & Recovered> {
  const { provenance, value } = await askProvenance(session, async () => {
    // Git compares the files for the provenance and for the dataset once, if both ask at the same time.
    session.askDataset()
    const recovered = await (options.until === undefined ? recover(session) : observe(session))
    checkReleasesPresent(session, recovered)
    return recovered
  })
  await recordProvenance(session, provenance, options)
  const current = await session.options.releaser.current(session.channel, session.context)
  warnOfEndedOverride(session, current)
  return { ...value, current }
}

/** Reads the dataset and the other files of the bundle, and records their source key. */
export async function readSources(session: Session): Promise<Sources> {
  const { dataset, payload } = await validateStage(session)
  return { dataset, payload, key: await recordSourceKey(session, dataset.summary, payload) }
}

/** The release that the source key led to before; `undefined` if a model has to be judged. */
export function releasedBefore(
  { history, entries, current }: Known & Recovered,
  key: Digest | undefined,
  { retrain }: RunOptions,
): Release | undefined {
  const known = retrain || key === undefined ? undefined : findBySource(entries, history, key, current)
  return known === undefined || isRemoved(known) ? undefined : known
}

/** The end of a run whose source key led to a release before; `undefined` if a model has to be judged. */
export async function endedBySource(
  session: Session,
  released: Known & Recovered,
  key: Digest | undefined,
  options: RunOptions,
): Promise<RunResult | undefined> {
  const { runId } = session
  const { history, current } = released
  const { releaseAs, until } = options
  const known = releasedBefore(released, key, options)
  if (known === undefined) return undefined
  if (known.withdrawn === undefined)
    warnOfAncestor(session, history, known, { remedy: 'Train a model without it, or roll back.' })
  if (known.version === current?.version) return { runId, status: 'up-to-date', release: known }
  if (known.withdrawn !== undefined) return { runId, status: 'held', reason: 'withdrawn', release: known }
  if (until !== undefined) return { runId, status: 'awaiting-release', identicalTo: known.version }
  return restore(session, { release: known, history, decidedAgainst: current?.version, sourceKey: key, releaseAs })
}

function warnOfEndedOverride(session: Session, current: Release | undefined): void {
  const ended = current === undefined ? undefined : endedOverride(current, session.context.clock.nowMs())
  if (current === undefined || ended === undefined) return
  session.warn(
    `The release ${current.version} went against the evidence, and ${ended.by} answered for it until ${new Date(ended.untilMs).toISOString().slice(0, 10)}. Release a better one, or roll back.`,
    { version: current.version, untilMs: ended.untilMs },
  )
}
