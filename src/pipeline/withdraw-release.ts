import { callContext, SheikhError } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { Release } from '../releaser/index.js'
import { knownRelease, latestReleaseOf, readHistory } from './lookup.js'
import type { WithdrawOptions } from './options.js'
import { recover } from './recovery.js'
import { warnOfUses } from './restore.js'
import type { Withdrawn } from './run-result.js'
import type { Session } from './session.js'
import { checkPerson, checkReason } from './who-decides.js'

/** Withdraws a release that no channel points at. A release in use is left by a rollback, which withdraws it. */
export async function withdrawRelease(
  session: Session,
  version: string,
  { reason, by }: WithdrawOptions,
): Promise<Withdrawn> {
  checkPerson(by, 'withdraw')
  checkReason(reason, 'withdraw')
  const { releaser, clock, log } = session.options
  const { history } = await recover(session)
  const release = knownRelease(history, version, 'withdraw')
  if (release.withdrawn === undefined) await checkUnused(session, history, release)
  const isNoted = (entry: LedgerEntry) => entry.type === 'withdrawal' && entry.version === version
  const noted = (await session.ledger.read(session.context)).find(isNoted)
  const why =
    release.withdrawn?.reason ?? (noted?.type === 'withdrawal' ? noted.reason : undefined) ?? session.hide(reason)
  await session.lock.check()
  // Deliberately without the run's signal: after the line in the ledger only forward.
  const context = callContext({ clock, log })
  // The ledger comes first: if a crash prevents the rest, the next command reads the decision there and completes it.
  if (noted === undefined)
    await session.ledger.append(
      { type: 'withdrawal', runId: session.runId, version, reason: why, by: session.hide(by) },
      context,
      (entries) => entries.find(isNoted),
    )
  // Also if the release is withdrawn already: one of several registries may lack the mark.
  await releaser.withdraw(version, why, context)
  if (release.withdrawn === undefined) session.emit({ type: 'release-withdrawn', version, reason: why })
  const after = await readHistory({ options: session.options, context })
  const withdrawn = knownRelease(after, version, 'withdraw')
  await warnOfUses(session, withdrawn, after)
  return { runId: session.runId, status: 'withdrawn', release: withdrawn }
}

/** A model is in use if a channel points at any release of it. @throws `release-rejected`. */
async function checkUnused(session: Session, history: readonly Release[], { version, bundle }: Release): Promise<void> {
  const refused = (fact: string, remedy: string) =>
    new SheikhError('release-rejected', `Cannot withdraw ${version}: ${fact}. ${remedy}`, { facts: { version } })
  const same = new Set(history.filter((each) => each.bundle === bundle && !each.withdrawn).map((each) => each.version))
  const channels = Object.entries(await session.options.releaser.channels(session.context))
  const pointing = channels.filter(([, pointed]) => same.has(pointed))
  const [used] = [...pointing.filter(([channel]) => channel === session.channel), ...pointing]
  if (used !== undefined) {
    const [channel, pointed] = used
    throw refused(
      `the channel "${channel}" points at ${pointed === version ? 'it' : `${pointed}, which is the same model`}`,
      channel === session.channel
        ? 'To leave it, roll back; that withdraws the release: sheikh rollback --reason "…"'
        : `Point the channel at another release first: sheikh promote <version> --to ${channel}`,
    )
  }
  const latest = latestReleaseOf(history, bundle)!
  if (latest.version !== version && latest.withdrawn === undefined)
    throw refused(
      `${latest.version} is a newer release of the same model`,
      `Withdraw that one first: sheikh withdraw ${latest.version} --reason "…"`,
    )
}
