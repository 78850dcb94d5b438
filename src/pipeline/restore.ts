import { type Digest, SheikhError } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import { findPrevious, latestReleaseOf, namedRelease, readHistory } from './lookup.js'
import { releasesMadeOf } from './named-base.js'
import type { RepublishOptions, RollbackOptions } from './options.js'
import { publish, requestAgain } from './publish.js'
import { recover } from './recovery.js'
import type { RunResult } from './run-result.js'
import type { Session } from './session.js'
import { checkPerson, checkReason } from './who-decides.js'

type Restored = Extract<RunResult, { status: 'restored' }>

/** Publishes an earlier bundle, every file checked, as a new version. Nothing is trained or judged. */
export async function restore(
  session: Session,
  request: {
    readonly release: Release
    readonly history: readonly Release[]
    /** As in `ReleaseRequest`. */
    readonly decidedAgainst: string | undefined
    readonly withdraws?: readonly string[]
    readonly reason?: string
    readonly by?: string
    readonly sourceKey?: Digest | undefined
    readonly releaseAs?: string | undefined
  },
): Promise<Restored> {
  const { release: from, ...rest } = request
  await session.update({ bundle: from.bundle, metrics: from.record.metrics })
  const release = await publish(session, { ...requestAgain(session, from), ...rest })
  return { runId: session.runId, status: 'restored', release, restoredFrom: from.version }
}

/** Goes back to an earlier release and withdraws what it leaves. */
export async function rollback(session: Session, { to, reason, by }: RollbackOptions): Promise<RunResult> {
  checkPerson(by, 'roll back')
  checkReason(reason, 'roll back')
  const { releaser } = session.options
  const { history } = await recover(session)
  const current = await releaser.current(session.channel, session.context)
  if (current === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot roll back: the channel "${session.channel}" points at no release. Run a release first.`,
    )
  const target = to === undefined ? previousRelease(history, current) : namedRelease(history, to, 'roll back to')
  if (target.bundle === current.bundle) return { runId: session.runId, status: 'up-to-date', release: current }
  const restored = await restore(session, {
    release: target,
    history,
    decidedAgainst: current.version,
    withdraws: [current.version],
    reason: session.hide(reason),
    by: session.hide(by),
    sourceKey: target.postPublish.sourceKey,
  })
  await warnOfUses(session, current, await readHistory(session))
  return restored
}

/** The same bundle again, as a new version: into registries that were added, or signed with another key. */
export async function republish(
  session: Session,
  version: string,
  { reason, by }: RepublishOptions,
): Promise<Restored> {
  checkPerson(by, 'republish')
  checkReason(reason, 'republish')
  const { history } = await recover(session)
  const release = namedRelease(history, version, 'republish')
  if (latestReleaseOf(history, release.bundle)?.withdrawn !== undefined)
    throw new SheikhError(
      'release-rejected',
      `Cannot republish ${version}: it is withdrawn. To use it again, roll back to it: sheikh rollback --to ${version}`,
      { facts: { version } },
    )
  const { sourceKey } = release.postPublish
  const current = await session.options.releaser.current(session.channel, session.context)
  return restore(session, {
    release,
    history,
    decidedAgainst: current?.version,
    reason: session.hide(reason),
    by: session.hide(by),
    sourceKey,
  })
}

/** Warns of what a withdrawal leaves in use: channels that people point by hand, and releases that were made of the withdrawn one. */
export async function warnOfUses(session: Session, release: Release, history: readonly Release[]): Promise<void> {
  const { version } = release
  for (const [channel, pointed] of Object.entries(await session.options.releaser.channels(session.context)))
    if (pointed === version && channel !== session.channel)
      session.warn(
        `The channel "${channel}" still points at ${version}, which is withdrawn. Promote another release: sheikh promote <version> --to ${channel}`,
        { channel, version },
      )
  const made = releasesMadeOf(history, release).map((each) => each.version)
  if (made.length > 0)
    session.warn(
      `${made.slice(0, 5).join(', ')}${made.length > 5 ? ', …' : ''} ${made.length === 1 ? 'was' : 'were'} made of ${version}, which is withdrawn, and may have its faults. Withdraw ${made.length === 1 ? 'this release' : 'these releases'} too, or train without ${version}.`,
      { version, made: made.slice(0, 100) },
    )
}

function previousRelease(history: readonly Release[], current: Release): Release {
  const target = findPrevious(history, current)
  if (target !== undefined) return target
  throw new SheikhError(
    'not-found',
    `Cannot roll back from ${current.version}: there is no earlier release with a different model that is not withdrawn. Name a version to roll back to it anyway.`,
    { facts: { version: current.version } },
  )
}
