import type { CallContext } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { Release, Releaser, UnexplainedItem } from './releaser.js'

/**
 * Finds items of a registry that the ledger does not explain: releases that are unknown to it, differ from it or are gone;
 * channels that point elsewhere; tags, commits and assets that belong to no release.
 *
 * @param ledger entries of a verified ledger.
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
  for await (const item of releaser.unexplained?.(context) ?? []) unexplained.push(item)
  return unexplained
}

function* releasesUnexplained(history: readonly Release[], ledger: readonly LedgerEntry[]): Iterable<UnexplainedItem> {
  const noted = new Map(ledger.flatMap((entry) => (entry.type === 'release' ? [[entry.version, entry.bundle]] : [])))
  const withdrawn = new Set(ledger.flatMap((entry) => (entry.type === 'withdrawal' ? [entry.version] : [])))
  for (const { version, bundle, withdrawn: mark } of history) {
    const recorded = noted.get(version)
    noted.delete(version)
    const fact =
      recorded === undefined
        ? 'the ledger does not contain it'
        : recorded !== bundle
          ? `the ledger records a different bundle, ${recorded}`
          : mark === undefined && withdrawn.has(version)
            ? 'the ledger withdraws it, but the registry does not'
            : mark !== undefined && !withdrawn.has(version)
              ? 'it is withdrawn, but the ledger has no withdrawal'
              : undefined
    if (fact !== undefined) yield { kind: 'release', name: version, fact }
  }
  for (const version of noted.keys())
    yield { kind: 'release', name: version, fact: 'the ledger records it, but the registry does not contain it' }
}

/** A channel must point where the last promotion or the last release pointed it. */
function channelFact(
  name: string,
  version: string,
  history: readonly Release[],
  ledger: readonly LedgerEntry[],
): string | undefined {
  const promoted = ledger.findLast((entry) => entry.type === 'promotion' && entry.channel === name)
  const ofChannel = history.filter(({ postPublish }) => postPublish.channel === name)
  // A release that was overtaken by another is withdrawn, and the channel never pointed at it.
  const inForce = ofChannel.find(({ withdrawn }) => withdrawn === undefined)
  const newest = ofChannel[0]?.version === version ? ofChannel[0] : inForce
  if (promoted?.type === 'promotion' && promoted.version === version) return undefined
  if (newest?.version === version) return undefined
  const expected = promoted?.type === 'promotion' ? promoted.version : newest?.version
  return `it points at ${version}, but the last recorded target is ${expected ?? 'no release'}`
}
