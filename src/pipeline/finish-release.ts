import { type CallContext, callContext, isSheikhError } from '../core/index.js'
import type { PendingRelease, Release, Version } from '../releaser/index.js'
import type { Session } from './session.js'

export async function publishPending(session: Session, pending: PendingRelease): Promise<Release> {
  const release = await session.options.releaser.publish(pending, session.context)
  session.emit({ type: 'release-published', version: release.version })
  return release
}

/**
 * Point, withdraw, note. Each step is harmless where it is done already; of several registries one may lack it.
 *
 * @returns false if another release was published since this one was decided on: the channel stays there, and this one,
 *   which was never compared with it, is withdrawn.
 */
export async function finishRelease(session: Session, release: Release): Promise<boolean> {
  const { releaser, log, clock } = session.options
  // Deliberately without the run's signal: after a publication only forward.
  const context = callContext({ log, clock })
  const { version, bundle, postPublish, record } = release
  const { channel, withdraws, reason = 'rolled back', by, sourceKey } = postPublish
  // A release that lost such a race before stays as it is; a crash may have come before its lines in the ledger.
  const lost = release.withdrawn !== undefined && postPublish.replaces !== undefined
  const rival =
    lost || channel === undefined ? undefined : await pointFromDecided(session, { release, channel }, context)
  // Looked for by itself: a crash may have come between the act and the line.
  const isNoted = async (type: 'withdrawal' | 'release', of: string) => {
    const entries = await session.ledger.read(context)
    return entries.some((entry) => entry.type === type && entry.version === of)
  }
  const note = async () => {
    if (await isNoted('release', version)) return
    const line = { type: 'release', runId: record.runId, version, bundle, ...(sourceKey && { sourceKey }) } as const
    // A release of uncommitted changes points no channel.
    const { commit } = channel === undefined ? {} : record
    await session.ledger.append({ ...line, ...(commit !== undefined && { commit }) }, context)
  }
  const withdraw = async (worse: Version, why: string, person?: string) => {
    await session.lock.check()
    await releaser.withdraw(worse, why, context)
    if (await isNoted('withdrawal', worse)) return
    const line = { type: 'withdrawal', runId: session.runId, version: worse, reason: why } as const
    await session.ledger.append({ ...line, ...(person !== undefined && { by: person }) }, context)
    session.emit({ type: 'release-withdrawn', version: worse, reason: why })
  }
  if (lost) {
    await note()
    if (!(await isNoted('withdrawal', version))) await withdraw(version, release.withdrawn.reason)
    return false
  }
  if (rival !== undefined) {
    await note()
    await withdraw(version, `${rival} was released while it was decided on, and it was never compared with that`)
    return false
  }
  for (const worse of withdraws) await withdraw(worse, reason, by)
  await note()
  return true
}

/** Moves the channel from where the decision saw it. @returns the version that it points at instead, if somebody was faster. */
async function pointFromDecided(
  session: Session,
  { release: { version, postPublish }, channel }: { readonly release: Release; readonly channel: string },
  context: CallContext,
): Promise<string | undefined> {
  const { releaser } = session.options
  const current = (await releaser.current(channel, context))?.version
  const expected = postPublish.replaces === undefined ? current : (postPublish.replaces ?? undefined)
  if (current !== version && current !== expected) return current ?? 'nothing'
  await session.lock.check()
  try {
    await releaser.point(channel, version, current === version ? version : expected, context)
  } catch (error) {
    const now = (await releaser.current(channel, context))?.version
    if (!isSheikhError(error, 'release-conflict') || postPublish.replaces === undefined || now === expected) throw error
    return now === version ? undefined : (now ?? 'nothing')
  }
  if (current !== version) session.emit({ type: 'channel-pointed', channel, version })
  return undefined
}
