import { callContext } from '../core/index.js'
import type { Release, Staged } from '../releaser/index.js'
import { checkAnchor } from './ledger-anchor.js'
import type { Session } from './session.js'

/** All releases, newest first. */
export async function readHistory(session: Pick<Session, 'options' | 'context'>): Promise<readonly Release[]> {
  const releases: Release[] = []
  for await (const release of session.options.releaser.history(session.context)) releases.push(release)
  return releases
}

/**
 * What every holder of the lock does first: finishes a promotion that had begun, forgets what was staged and never
 * promoted, and goes on with the newest promotion whose channel or withdrawals a crash left behind.
 */
export async function recover(session: Session): Promise<readonly Release[]> {
  const { releaser } = session.options
  for await (const { staged, promoting } of releaser.staged(session.context)) {
    await session.lock.check()
    if (promoting) await promote(session, staged)
    else await releaser.discard(staged, session.context)
  }
  const history = await readHistory(session)
  const isWhole = checkAnchor(await session.ledger.read(session.context), history)
  if (!isWhole) session.warn('The ledger was lost: it begins after the newest release. What it held is not known here.')
  const [newest] = history
  if (newest === undefined) return history
  await finishRelease(session, newest)
  return await readHistory(session)
}

export async function promote(session: Session, staged: Staged): Promise<Release> {
  const release = await session.options.releaser.promote(staged, session.context)
  session.emit({ type: 'release-promoted', version: release.version })
  return release
}

/** Point, withdraw, note. Each step is harmless where it is done already; of several registries one may lack it. */
export async function finishRelease(session: Session, release: Release): Promise<void> {
  const { releaser, log, clock } = session.options
  // Deliberately without the run's signal: after a promotion only forward.
  const context = callContext({ log, clock })
  const { version, bundle, intent, record } = release
  const { channel, withdraws, reason = 'rolled back', sourceKey } = intent
  if (channel !== undefined) {
    const current = await releaser.current(channel, context)
    await session.lock.check()
    await releaser.point(channel, version, current?.version, context)
    if (current?.version !== version) session.emit({ type: 'channel-pointed', channel, version })
  }
  const entries = await session.ledger.read(context)
  // Looked for by itself: a crash may have come between the act and the line.
  const isNoted = (type: 'withdrawal' | 'release', of: string) =>
    entries.some((entry) => entry.type === type && entry.version === of)
  for (const worse of withdraws) {
    await session.lock.check()
    await releaser.withdraw(worse, reason, context)
    if (isNoted('withdrawal', worse)) continue
    await session.ledger.append({ type: 'withdrawal', runId: session.runId, version: worse, reason }, context)
    session.emit({ type: 'release-withdrawn', version: worse, reason })
  }
  if (isNoted('release', version)) return
  await session.ledger.append(
    { type: 'release', runId: record.runId, version, bundle, ...(sourceKey && { sourceKey }) },
    context,
  )
}
