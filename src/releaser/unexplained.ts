import type { CallContext } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { Release, Releaser, UnexplainedItem } from './releaser.js'

/**
 * What stands in a registry and no line of the ledger explains: releases that it does not know, or knows otherwise, or that
 * are gone; channels that point elsewhere; tags, commits and assets of no release.
 *
 * @param ledger lines whose links were checked.
 */
export async function findUnexplained(
  releaser: Releaser,
  ledger: readonly LedgerEntry[],
  context: CallContext,
): Promise<readonly UnexplainedItem[]> {
  const history: Release[] = []
  for await (const release of releaser.history(context)) history.push(release)
  const unexplained: UnexplainedItem[] = [...releasesUnexplained(history, ledger)]
  const channels = await releaser.channels(context)
  for (const [name, version] of Object.entries(channels)) {
    const fact = channelFact(name, version, history, ledger)
    if (fact !== undefined) unexplained.push({ kind: 'channel', name, fact })
  }
  for await (const stranger of releaser.unexplained?.(context) ?? []) unexplained.push(stranger)
  return unexplained
}

function* releasesUnexplained(history: readonly Release[], ledger: readonly LedgerEntry[]): Iterable<UnexplainedItem> {
  const noted = new Map(ledger.flatMap((entry) => (entry.type === 'release' ? [[entry.version, entry.bundle]] : [])))
  const withdrawn = new Set(ledger.flatMap((entry) => (entry.type === 'withdrawal' ? [entry.version] : [])))
  for (const { version, bundle, withdrawn: mark } of history) {
    const told = noted.get(version)
    noted.delete(version)
    const fact =
      told === undefined
        ? 'no line of the ledger is of it'
        : told !== bundle
          ? `the ledger has another bundle of it, ${told}`
          : mark === undefined && withdrawn.has(version)
            ? 'the ledger withdraws it, and the registry does not'
            : mark !== undefined && !withdrawn.has(version)
              ? 'it is withdrawn, and the ledger does not say so'
              : undefined
    if (fact !== undefined) yield { kind: 'release', name: version, fact }
  }
  for (const version of noted.keys())
    yield { kind: 'release', name: version, fact: 'the ledger knows of it, and it is gone' }
}

/** A channel is where the last publication by hand pointed it, or where a release did. */
function channelFact(
  name: string,
  version: string,
  history: readonly Release[],
  ledger: readonly LedgerEntry[],
): string | undefined {
  const published = ledger.findLast((entry) => entry.type === 'promotion' && entry.channel === name)
  const ofChannel = history.filter(({ postPublish }) => postPublish.channel === name)
  // A release that another one overtook is withdrawn, and the channel never pointed at it.
  const standing = ofChannel.find(({ withdrawn }) => withdrawn === undefined)
  const newest = ofChannel[0]?.version === version ? ofChannel[0] : standing
  if (published?.type === 'promotion' && published.version === version) return undefined
  if (newest?.version === version) return undefined
  const expected = published?.type === 'promotion' ? published.version : newest?.version
  return `it points at ${version}, and the last that was said of it is ${expected ?? 'nothing'}`
}
