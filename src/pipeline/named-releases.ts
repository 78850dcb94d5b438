// Releases that a trainer names as parts of its model: `Trainer.releases`.
import { isDigest, SheikhError } from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import { isVersion, type Release, weightsOf } from '../releaser/index.js'
import type { CandidateRecord, NamedRelease, OpenedRelease, Trainer } from '../trainer/index.js'
import { checkUnseen } from './check-leakage.js'
import { candidateRecordOf } from './lookup.js'
import { findBase, openBase, type ReleaseUse, releasedBase, warnOfAncestor } from './named-base.js'
import type { Session } from './session.js'

type Naming = Pick<Trainer<never, never>, 'releases'>

const use: ReleaseUse = { act: 'use', otherwise: 'leave it out' }

/** @throws `invalid-options` for a name that is none. */
export function checkReleaseNames({ name, releases = [] }: Pick<Trainer<never, never>, 'name' | 'releases'>): void {
  for (const { version, digest } of releases) {
    const refused = (fact: string, remedy: string) =>
      new SheikhError(
        'invalid-options',
        `Cannot use the release ${JSON.stringify(version)}, which the trainer "${name}" names: ${fact}. ${remedy}.`,
      )
    if (!isVersion(version)) throw refused('it is not a version', 'Name one such as 1.2.0')
    if (!isDigest(digest))
      throw refused('its digest is not "sha256:" and 64 hexadecimal digits', 'Give the digest of its bundle')
  }
}

/** The releases that a trainer names, as the registry has them. @throws as `findBase`. */
export const findReleases = (history: readonly Release[], { releases = [] }: Naming): readonly Release[] =>
  releases.map((named) => findBase(history, named, use).release)

/** The same, none of which was trained on items of the evaluation set. @throws as `findReleases` and `checkUnseen`. */
export async function usableReleases(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  history: readonly Release[],
  trainer: Naming,
): Promise<readonly Release[]> {
  const found = findReleases(history, trainer)
  for (const release of found) {
    const { version, bundle: digest } = release
    warnOfAncestor(session, history, release, { remedy: 'Name another, or leave it out.' })
    await checkUnseen(session, snapshot, history, { release, named: { version, digest, replayShare: 1 } }, use)
  }
  return found
}

/** The weights of the releases, every file hashed, for `FitRequest.releases`; nothing if there are none. */
export async function openReleases(
  session: Session,
  history: readonly Release[],
  releases: readonly Release[],
): Promise<{ readonly releases?: readonly OpenedRelease[] }> {
  const opened: OpenedRelease[] = []
  for (const release of releases) {
    const record = candidateRecordOf(release, history)
    opened.push({
      ...{ version: release.version, digest: release.bundle, weights: await openBase(session, { release }) },
      ...(record !== undefined && { record }),
      ...baseOf(record, history),
    })
  }
  return opened.length === 0 ? {} : { releases: opened }
}

/** Also if they are withdrawn: to make again what was made of them. */
export const openReleasesAgain = (session: Session, history: readonly Release[], { releases = [] }: Naming) =>
  openReleases(
    session,
    history,
    releases.map((named) => releasedBase(history, named, use).release),
  )

function baseOf(record: CandidateRecord | undefined, history: readonly Release[]): Pick<OpenedRelease, 'base'> {
  const base = record?.base
  const found = base && history.find(({ version, bundle }) => version === base.version && bundle === base.digest)
  if (found === undefined) return {}
  return { base: weightsOf({ digest: found.bundle, manifest: found.manifest, directory: '' }).digest }
}

/** What of the releases goes into a record; nothing if there are none. */
export const releasesIn = ({ releases = [] }: Naming): { readonly releases?: readonly NamedRelease[] } =>
  releases.length === 0 ? {} : { releases: releases.map(({ version, digest }) => ({ version, digest })) }
