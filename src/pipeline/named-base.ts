import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isDigest, SheikhError } from '../core/index.js'
import type { WeightsDirectory } from '../model/index.js'
import { isVersion, payloadFolders, type Release, type Version, weightsOf } from '../releaser/index.js'
import { verifyManifest } from '../store/index.js'
import type { BaseRecord, Trainer } from '../trainer/index.js'
import { candidateRecordOf, latestReleaseOf, namedRelease, partsOf } from './lookup.js'
import type { Session } from './session.js'

/** A release of the pipeline's own registry to start training from. Naming another one is a decision, and a new source key. */
export interface NamedBase {
  readonly version: Version
  /** Of its bundle. */
  readonly digest: Digest
  /**
   * The share, 0 to 1, of the rows that it knows which take part again: those that it, or a base of its own, was trained on.
   * Chosen by the hash of the group, the version and the seed, so that new samples change no choice. Rows that are new to it
   * always take part. @default 1
   */
  readonly replayShare?: number | undefined
}

/** A base that may be used, and its release. */
export interface FoundBase {
  readonly named: BaseRecord
  readonly release: Release
}

/** What a release is needed for, in errors. */
export interface ReleaseUse {
  readonly act: string
  /** What to do without the release. */
  readonly otherwise: string
}

const startFrom: ReleaseUse = { act: 'start from', otherwise: 'train from scratch' }

/** What of a base is in a key; nothing where there is none, so that keys from scratch are what they always were. */
export function baseParts(base: NamedBase | undefined): { readonly base?: BaseRecord } {
  if (base === undefined) return {}
  const { version, digest, replayShare = 1 } = base
  return { base: { version, digest, replayShare } }
}

/** @throws `invalid-options` for a name that is none, and for a trainer that cannot start from a base. */
export function checkNamedBase(
  base: NamedBase,
  { name, warmStart }: Pick<Trainer<never, never>, 'name' | 'warmStart'>,
) {
  const { version, digest, replayShare = 1 } = base
  const refused = (fact: string) =>
    new SheikhError('invalid-options', `Cannot start from the release ${JSON.stringify(version)}: ${fact}.`)
  if (!isVersion(version)) throw refused('that is no version. Name one such as 1.2.0')
  if (!isDigest(digest)) throw refused('its digest is not "sha256:" and 64 hexadecimal digits. Give that of its bundle')
  if (!(replayShare >= 0 && replayShare <= 1))
    throw refused(`a replay share of ${replayShare} is not from 0 to 1. Give one such as 0.2`)
  if (warmStart !== true)
    throw refused(`the trainer "${name}" trains from scratch only. Leave the base out, or bring a trainer that can`)
}

/**
 * The release that is named.
 *
 * @throws `not-found` where there is none, or its files were removed; `artifact-corrupt` where it is another bundle;
 * `release-rejected` where it is withdrawn.
 */
export function findBase(history: readonly Release[], base: NamedBase, use = startFrom): FoundBase {
  const found = releasedBase(history, base, use)
  const { release } = found
  const last = latestReleaseOf(history, release.bundle)!
  const { withdrawn } = release.withdrawn === undefined ? last : release
  if (withdrawn === undefined) return found
  const remedy =
    last.withdrawn === undefined ? `The same bundle stands again as ${last.version}: name that` : 'Name another'
  throw new SheikhError(
    'release-rejected',
    `Cannot ${use.act} ${release.version}: it is withdrawn (${withdrawn.reason}). ${remedy}, or ${use.otherwise}.`,
    { facts: { version: release.version } },
  )
}

/** The same, withdrawn or not: to make again what was made of it. */
export function releasedBase(history: readonly Release[], base: NamedBase, { act } = startFrom): FoundBase {
  const { version, digest, replayShare = 1 } = base
  const release = namedRelease(history, version, act)
  if (release.bundle === digest) return { named: { version, digest, replayShare }, release }
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot ${act} ${version}: the registry has the bundle ${release.bundle} under that version, not ${digest}. If it is the one you want, write its digest.`,
    { facts: { version, found: release.bundle, expected: digest } },
  )
}

/** The releases that a release was made of, directly or through others, each bundle's latest release with its withdrawal. */
export function* ancestorsOf(
  history: readonly Release[],
  { version }: Release,
  // Releases may have parts in common, generation after generation.
  seen: Set<string> = new Set(),
): Generator<Release> {
  const at = history.findIndex((release) => release.version === version)
  const older = history.slice(at + 1)
  for (const { version: part } of partsOf(candidateRecordOf(history[at]!, history))) {
    const earlier = older.find(({ version }) => version === part)
    if (earlier === undefined || seen.has(part)) continue
    seen.add(part)
    yield [earlier, latestReleaseOf(history, earlier.bundle)!].find((one) => one.withdrawn !== undefined) ?? earlier
    yield* ancestorsOf(history, earlier, seen)
  }
}

/** A withdrawn release that a release was made of, directly or through others. Its faults may still be in the weights. */
export function withdrawnAncestor(history: readonly Release[], release: Release): Release | undefined {
  for (const ancestor of ancestorsOf(history, release)) if (ancestor.withdrawn !== undefined) return ancestor
  return undefined
}

/** The releases that were made of this one, directly or through others, and that somebody may use, newest first. */
export function releasesMadeOf(history: readonly Release[], { bundle }: Release): readonly Release[] {
  // From the oldest on: each part of a release is older than the release.
  const versions = new Set<string>()
  const made = new Set<Release>()
  const carriers = new Set<string>()
  for (const release of history.toReversed()) {
    const parts = partsOf(candidateRecordOf(release, history)).filter(({ version }) => versions.has(version))
    if (parts.some(({ version }) => carriers.has(version))) made.add(release)
    versions.add(release.version)
    if (release.bundle === bundle || made.has(release)) carriers.add(release.version)
  }
  return history.filter((release) => made.has(release) && isUsable(release))
}

const isUsable = ({ removedAtMs, withdrawn }: Release) => removedAtMs === undefined && withdrawn === undefined

/** @param subject the release as the sentence begins. @param remedy an instruction. */
export function warnOfAncestor(
  session: Session,
  history: readonly Release[],
  release: Release,
  { subject, remedy }: { readonly subject?: string; readonly remedy: string },
): void {
  const ancestor = withdrawnAncestor(history, release)
  if (ancestor === undefined) return
  session.warn(`${ancestorText(release, ancestor, subject)} ${remedy}`, { version: ancestor.version })
}

/** @param subject the release as the sentence begins. */
export const ancestorText = (
  release: Release,
  { version, withdrawn }: Release,
  subject = `The release ${release.version}`,
): string =>
  `${subject} was made of ${version}, which is withdrawn (${withdrawn!.reason}): what was wrong there may be in its weights still.`

/** Its weights in a folder of their own, every file hashed. @throws `artifact-corrupt`, `not-found`. */
export async function openBase(session: Session, { release }: Pick<FoundBase, 'release'>): Promise<WeightsDirectory> {
  const { releaser } = session.options
  const directory = await session.folder('base')
  await releaser.open(release.version, directory, session.context)
  // A trainer gets what a trainer wrote.
  for (const folder of payloadFolders) await rm(join(directory, folder), { recursive: true, force: true })
  const weights = weightsOf({ digest: release.bundle, manifest: release.manifest, directory })
  await verifyManifest(directory, weights.manifest, session.context, { skipUnchanged: true })
  return weights
}
