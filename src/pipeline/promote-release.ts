import { SheikhError } from '../core/index.js'
import { checkedChannel, type Release } from '../releaser/index.js'
import { namedRelease } from './lookup.js'
import type { PromoteOptions } from './options.js'
import { recover } from './recovery.js'
import type { Promoted } from './run-result.js'
import type { Session } from './session.js'
import { checkPerson } from './who-decides.js'

/** Points a further channel at a release. Its own channel a pipeline moves by runs and rollbacks only. */
export async function promoteRelease(session: Session, version: string, { to, by }: PromoteOptions): Promise<Promoted> {
  checkPerson(by, 'promote')
  const { releaser } = session.options
  const channel = checkedChannel(to)
  const refused = (fact: string) =>
    new SheikhError('release-rejected', `Cannot promote ${version} to "${channel}": ${fact}.`, {
      facts: { version, channel },
    })
  if (channel === session.channel)
    throw refused('each run points this channel at what it releases. To go back, roll back: sheikh rollback')
  const { history } = await recover(session)
  const release = namedRelease(history, version, 'promote')
  if (release.withdrawn !== undefined) throw refused(`it is withdrawn (${release.withdrawn.reason}). Choose another`)
  if (release.postPublish.channel === undefined)
    throw refused('it was made of uncommitted changes. Commit them and run again')
  const current = await releaser.current(channel, session.context)
  await session.lock.check()
  await releaser.point(channel, version, current?.version, session.context)
  await note(session, release, channel, by)
  if (current?.version !== version) session.emit({ type: 'channel-pointed', channel, version })
  return { runId: session.runId, status: 'promoted', release, channel }
}

/** Unless the last line about the channel says so: a crash may follow the act, or another host does the same. */
async function note(session: Session, { version }: Release, channel: string, by: string): Promise<void> {
  const event = session.hide({ type: 'promotion' as const, runId: session.runId, version, channel, by })
  await session.ledger.append(event, session.context, (entries) => {
    const last = entries.findLast((entry) => entry.type === 'promotion' && entry.channel === channel)
    return last?.type === 'promotion' && last.version === version ? last : undefined
  })
}
