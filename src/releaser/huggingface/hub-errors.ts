import { SheikhError } from '../../core/index.js'
import type { Version } from '../index.js'

export const notPending = (version: Version) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the pending release ${version}: the Hub does not have it completely. Run again.`,
    { facts: { version } },
  )

/** Not retryable: a new run would choose the same version again. */
export const tagTaken = (version: Version, tag: string, commit: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: the tag ${tag} already exists on a commit that is not a release. Delete the tag on the Hub, or choose another version.`,
    { facts: { version, tag, commit } },
  )
