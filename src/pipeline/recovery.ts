import { callContext } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import { checkAnchor } from './ledger-anchor.js'
import type { Session } from './session.js'

/** All releases, newest first. */
export async function readHistory(session: Pick<Session, 'options' | 'context'>): Promise<readonly Release[]> {
  const releases: Release[] = []
  for await (const release of session.options.releaser.history(session.context)) releases.push(release)
  return releases
}

/**
 * What every holder of the lock does first: goes on with the newest promotion whose channel or withdrawals a crash left
 * behind, and forgets what was staged and never promoted.
 */
export async function recover(session: Session): Promise<readonly Release[]> {
  const { releaser } = session.options
  const [newest] = await readHistory(session)
  if (newest !== undefined) await finishIntent(session, newest)
  for await (const staged of releaser.staged(session.context)) {
    await session.lock.check()
    await releaser.discard(staged, session.context)
  }
  const history = await readHistory(session)
  const isWhole = checkAnchor(await session.ledger.read(session.context), history)
  if (!isWhole) session.warn('The ledger was lost: it begins after the newest release. What it held is not known here.')
  return history
}

/** Point, then withdraw. Each step is harmless where it is done already. */
export async function finishIntent(session: Session, release: Release): Promise<void> {
  const { releaser, log, clock } = session.options
  // Deliberately without the run's signal: after a promotion only forward.
  const context = callContext({ log, clock })
  const { channel, withdraws, reason = 'rolled back' } = release.intent
  if (channel !== undefined) {
    const current = await releaser.current(channel, context)
    if (current?.version !== release.version) {
      await session.lock.check()
      await releaser.point(channel, release.version, current?.version, context)
      session.emit({ type: 'channel-pointed', channel, version: release.version })
    }
  }
  if (withdraws.length === 0) return
  const withdrawn = new Set<string>()
  for await (const { version, withdrawn: mark } of releaser.history(context))
    if (mark !== undefined) withdrawn.add(version)
  for (const version of withdraws) {
    const marked = withdrawn.has(version)
    if (!marked) {
      await session.lock.check()
      await releaser.withdraw(version, reason, context)
    }
    // Looked for by itself: a crash may have come between the mark and the line.
    const entries = await session.ledger.read(context)
    if (!entries.some((entry) => entry.type === 'withdrawal' && entry.version === version))
      await session.ledger.append({ type: 'withdrawal', runId: session.runId, version, reason }, context)
    if (!marked) session.emit({ type: 'release-withdrawn', version, reason })
  }
}
