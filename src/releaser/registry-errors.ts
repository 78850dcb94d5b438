// What a registry answers, in the same words wherever it keeps things.
import { type Digest, SheikhError } from '../core/index.js'

export const versionTaken = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: the version is taken by another release. Run again, for the next one.`,
    { facts: { version }, retryable: true },
  )

export const notFound = (version: string) =>
  new SheikhError('not-found', `There is no release ${version} in the registry.`, { facts: { version } })

export const notHeld = (bundle: Digest) =>
  new SheikhError('not-found', `The registry does not hold the bundle ${bundle}, or not whole.`, { facts: { bundle } })

export const pointedAt = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot remove ${version}: a channel points at it. Point the channel elsewhere.`,
    {
      facts: { version },
    },
  )
