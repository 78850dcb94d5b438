import { SheikhError } from '../../core/index.js'
import { pendingGone, type Version } from '../index.js'

/** @param head the commit of the pending release's branch; `undefined` if there is no such branch. */
export const notPending = (version: Version, head: string | undefined) =>
  head === undefined
    ? pendingGone(version)
    : new SheikhError(
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
