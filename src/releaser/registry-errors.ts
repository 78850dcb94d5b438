// Errors that all registries share.
import { type Digest, SheikhError } from '../core/index.js'

export const versionTaken = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: another release already uses this version. Run again to use the next version.`,
    { facts: { version }, retryable: true },
  )

export const notFound = (version: string) =>
  new SheikhError(
    'not-found',
    `Cannot find the release ${version}: the registry does not contain it. List the releases with "sheikh history".`,
    { facts: { version } },
  )

export const notHeld = (bundle: Digest) =>
  new SheikhError(
    'not-found',
    `Cannot reuse the bundle ${bundle}: the registry does not have it completely. Prepare the release with a directory.`,
    { facts: { bundle } },
  )

export const pointedAt = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot remove ${version}: a channel points at it. Point the channel at another release first.`,
    {
      facts: { version },
    },
  )

export const corruptRecord = (address: string, fact: string, cause?: unknown) =>
  new SheikhError('artifact-corrupt', `Cannot read "${address}": ${fact}. Restore the registry from a backup.`, {
    facts: { file: address },
    ...(cause !== undefined && { cause }),
  })
