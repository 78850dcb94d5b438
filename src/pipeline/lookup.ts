import { type CallContext, type Digest, SheikhError } from '../core/index.js'
import type { Gate, LedgerEntry } from '../gate/index.js'
import type { Release, Releaser } from '../releaser/index.js'
import type { CandidateRecord, NamedRelease } from '../trainer/index.js'
import type { PipelineOptions } from './options.js'

interface ReadingSession {
  readonly options: Pick<PipelineOptions<never, never>, 'releaser'>
  readonly context: CallContext
}

/** All releases, newest first. */
export async function readHistory({ options, context }: ReadingSession): Promise<readonly Release[]> {
  const releases: Release[] = []
  for await (const release of options.releaser.history(context)) releases.push(release)
  return releases
}

/**
 * The release that this source key last led to: the current one if it did, else the newest. A release carries its own
 * key; further ones, found after training to give the same bundle, stand in the ledger. A bundle stands as it was last
 * released, under whichever key: current again, or withdrawn.
 */
export function findBySource(
  entries: readonly LedgerEntry[],
  history: readonly Release[],
  key: Digest,
  current: Release | undefined,
): Release | undefined {
  const noted = new Set<string>()
  for (const entry of entries) if (entry.type === 'release' && entry.sourceKey === key) noted.add(entry.version)
  const matches = (release: Release) => release.postPublish.sourceKey === key || noted.has(release.version)
  if (current !== undefined && matches(current)) return current
  const found = history.find(matches)
  if (found === undefined) return undefined
  return found.bundle === current?.bundle ? current : latestReleaseOf(history, found.bundle)
}

/** Whether its files are gone and it may be made again: a withdrawn one stays what it is. */
export const isRemoved = ({ removedAtMs, withdrawn }: Release): boolean =>
  removedAtMs !== undefined && withdrawn === undefined

/** The release under which a bundle was published last. */
export const latestReleaseOf = (history: readonly Release[], bundle: Digest): Release | undefined =>
  history.find((release) => release.bundle === bundle)

/**
 * The commit that a release was made of: its own, or, if a rollback published the bundle again, that of the release which it
 * is again. The commit of an import is where the repository was, so it counts only if there is no other.
 */
export async function commitOfRelease(
  { bundle, record }: Release,
  releaser: Releaser,
  context: CallContext,
): Promise<string | undefined> {
  if (record.commit !== undefined) return record.commit
  let imported: string | undefined
  for await (const { bundle: itsBundle, record: earlier } of releaser.history(context)) {
    if (itsBundle !== bundle || earlier.commit === undefined) continue
    if (earlier.importedFrom === undefined) return earlier.commit
    imported ??= earlier.commit
  }
  return imported
}

/** How a release's bundle was made: its own record, or that of the release which it is again. */
export function candidateRecordOf(release: Release, history: readonly Release[]): CandidateRecord | undefined {
  const same = [release, ...history].filter(({ bundle }) => bundle === release.bundle)
  const made = same.find(({ record }) => record.candidate !== undefined && record.importedFrom === undefined)
  return made?.record.candidate
}

/** The releases that a candidate was made of: its base, and those that its trainer named. */
export const partsOf = (made: CandidateRecord | undefined): readonly NamedRelease[] => [
  ...(made?.base === undefined ? [] : [made.base]),
  ...(made?.releases ?? []),
]

/**
 * The best model ever released and not withdrawn, by the gate's primary metric; `undefined` where the gate names none, or
 * where the best is the baseline's own bundle (it is asked once).
 */
export function bestRelease(
  history: readonly Release[],
  gate: Gate,
  baseline: Release | undefined,
): Release | undefined {
  const metric = gate.metrics.find(({ name }) => name === gate.primaryMetric)
  if (metric === undefined) return undefined
  const sign = metric.direction === 'higher-is-better' ? 1 : -1
  let best: { release: Release; value: number } | undefined
  for (const release of history) {
    const value = release.record.metrics?.[metric.name]
    if (latestReleaseOf(history, release.bundle)?.withdrawn !== undefined || typeof value !== 'number') continue
    if (release.removedAtMs !== undefined) continue
    if (best === undefined || sign * value > sign * best.value) best = { release, value }
  }
  return best === undefined || best.release.bundle === baseline?.bundle ? undefined : best.release
}

/** The newest release before `current` that is another model and may be published again. */
export function findPrevious(history: readonly Release[], current: Release): Release | undefined {
  const older = history.slice(history.findIndex(({ version }) => version === current.version) + 1)
  return older.find(
    ({ bundle, withdrawn, removedAtMs }) =>
      bundle !== current.bundle &&
      withdrawn === undefined &&
      removedAtMs === undefined &&
      latestReleaseOf(history, bundle)?.withdrawn === undefined,
  )
}

/** @throws `not-found` where there is none of that version, or its files were removed. */
export function namedRelease(history: readonly Release[], version: string, act: string): Release {
  const target = knownRelease(history, version, act)
  if (target.removedAtMs === undefined) return target
  throw notUsable(history, version, `Cannot ${act} ${version}: its files were removed`)
}

/** The same, with or without its files. @throws `not-found`. */
export function knownRelease(history: readonly Release[], version: string, act: string): Release {
  const target = history.find((release) => release.version === version)
  if (target !== undefined) return target
  throw notUsable(history, version, `Cannot ${act} ${version}: there is no such release`)
}

const notUsable = (history: readonly Release[], version: string, fact: string) =>
  new SheikhError('not-found', `${fact}. List the releases with "sheikh history".`, {
    facts: { version, versions: history.slice(0, 20).map((release) => release.version) },
  })
