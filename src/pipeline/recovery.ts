import type { LedgerEntry } from '../gate/index.js'
import type { PendingRelease, Release, Version } from '../releaser/index.js'
import { finishRelease, publishPending } from './finish-release.js'
import { checkAnchor } from './ledger-anchor.js'
import { readHistory } from './lookup.js'
import { followKilled } from './publish.js'
import type { Session } from './session.js'

export interface Recovered {
  /** Newest first. */
  readonly history: readonly Release[]
  /** The ledger as it was read; lines that the recovery itself appended say nothing that `history` does not say. */
  readonly entries: readonly LedgerEntry[]
}

/**
 * What every holder of the lock does first: finishes a publication that had begun, discards what was prepared and never
 * published (by this store, or more than an hour ago), and finishes the newest and the current release if a crash left the
 * channel, the withdrawals or the ledger behind.
 */
export async function recover(session: Session): Promise<Recovered> {
  const { releaser } = session.options
  for await (const { pending, publishing } of releaser.pending(session.context)) {
    await session.lock.check()
    if (publishing) await publishPending(session, pending)
    else if (await isAbandoned(session, pending)) await releaser.discard(pending, session.context)
  }
  const { history, entries } = await observe(session)
  const [newest] = history
  if (newest === undefined) return { history, entries }
  let isUnchanged = !(await markWithdrawn(session, history, entries))
  const finish = async (release: Release) => {
    const isWithdrawn = (version: Version) => history.some((one) => one.version === version && one.withdrawn)
    const isFirst = await finishRelease(session, release)
    isUnchanged &&= isFirst ? release.postPublish.withdraws.every(isWithdrawn) : release.withdrawn !== undefined
  }
  await finish(newest)
  const current = await releaser.current(session.channel, session.context)
  // The newest may have lost a race; what won it may have been killed before its line in the ledger.
  if (current !== undefined && current.version !== newest.version && current.postPublish.channel === session.channel)
    await finish(current)
  isUnchanged = !(await followKilled(session)) && isUnchanged
  return { history: isUnchanged ? history : await readHistory(session), entries }
}

/**
 * Marks what a person withdrew, if a crash came between the line in the ledger and the registry, or between two registries:
 * the line is the last one then, and the release already counts as withdrawn.
 */
async function markWithdrawn(
  { options, lock, context }: Session,
  history: readonly Release[],
  entries: readonly LedgerEntry[],
): Promise<boolean> {
  const released = new Map(history.map((release) => [release.version, release]))
  let isMarked = false
  for (const entry of entries) {
    const release = entry.type === 'withdrawal' ? released.get(entry.version) : undefined
    if (entry.type !== 'withdrawal' || release === undefined) continue
    if (release.withdrawn !== undefined && entry !== entries.at(-1)) continue
    await lock.check()
    await options.releaser.withdraw(entry.version, entry.reason, context)
    isMarked ||= release.withdrawn === undefined
  }
  return isMarked
}

/** Reads the registry and the ledger, and writes nothing. */
export async function observe(session: Session): Promise<Recovered> {
  const history = await readHistory(session)
  const entries = await session.ledger.readAnew(session.context)
  const isWhole = checkAnchor(entries, history)
  if (!isWhole) session.warn('The ledger was lost: it begins after the newest release. What it held is not known here.')
  return { history, entries }
}

// Another machine that stages to the same registry is given this long: nothing here shows whether it lives.
const abandonedMs = 3_600_000

/** A run of this store is over, since this session holds the lock. */
async function isAbandoned(session: Session, { record }: PendingRelease): Promise<boolean> {
  if (session.context.clock.nowMs() - record.atMs > abandonedMs) return true
  return (await session.options.store.runs.read(record.runId)) !== undefined
}
