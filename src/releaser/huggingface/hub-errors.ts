import { SheikhError } from '../../core/index.js'
import type { Version } from '../index.js'

export const notFound = (version: string) =>
  new SheikhError('not-found', `There is no release ${version} in the registry.`, { facts: { version } })

export const notPending = (version: Version) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the staging of ${version}: the Hub does not hold it, or not whole. Run again.`,
    { facts: { version } },
  )

export const versionTaken = (version: Version) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: the version is taken by another release. Run again, for the next one.`,
    { facts: { version }, retryable: true },
  )

/** A new run would come to the same version again. */
export const tagTaken = (version: Version, tag: string, commit: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: the tag ${tag} is there and stands on a commit of no release. Delete it on the Hub, or name another version.`,
    { facts: { version, tag, commit } },
  )
