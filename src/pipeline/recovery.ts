import type { Release, Staged } from '../releaser/index.js'
import { finishRelease, promote } from './finish-release.js'
import { readHistory } from './history.js'
import { checkAnchor } from './ledger-anchor.js'
import { followKilled } from './publish.js'
import type { Session } from './session.js'

/**
 * What every holder of the lock does first: finishes a promotion that had begun, discards what was staged and never
 * promoted (by this store, or more than an hour ago), and finishes the newest and the current release if a crash left the
 * channel, the withdrawals or the ledger behind.
 */
export async function recover(session: Session): Promise<readonly Release[]> {
  const { releaser } = session.options
  for await (const { staged, promoting } of releaser.staged(session.context)) {
    await session.lock.check()
    if (promoting) await promote(session, staged)
    else if (await isAbandoned(session, staged)) await releaser.discard(staged, session.context)
  }
  const history = await readHistory(session)
  const isWhole = checkAnchor(await session.ledger.read(session.context), history)
  if (!isWhole) session.warn('The ledger was lost: it begins after the newest release. What it held is not known here.')
  const [newest] = history
  if (newest === undefined) return history
  await finishRelease(session, newest)
  const current = await releaser.current(session.channel, session.context)
  // The newest may have lost a race; what won it may have been killed before its line in the ledger.
  if (current !== undefined && current.version !== newest.version && current.intent.channel === session.channel)
    await finishRelease(session, current)
  await followKilled(session)
  return await readHistory(session)
}

// Another machine that stages to the same registry is given this long: nothing here shows whether it lives.
const abandonedMs = 3_600_000

/** A run of this store is over, since this session holds the lock. */
async function isAbandoned(session: Session, { record }: Staged): Promise<boolean> {
  if (session.context.clock.nowMs() - record.atMs > abandonedMs) return true
  return (await session.options.store.runs.read(record.runId)) !== undefined
}
