// Errors that all registries share.
import { type CallContext, type Digest, isSheikhError, SheikhError } from '../core/index.js'

export const versionTaken = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot release ${version}: another release already uses this version. Run again to use the next version.`,
    { facts: { version }, retryable: true },
  )

export const pendingGone = (version: string) =>
  new SheikhError(
    'release-conflict',
    `Cannot publish ${version}: the registry does not have this pending release. Another run has discarded or replaced it, or it was never prepared. Run again.`,
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
    facts: { file: address, fact },
    ...(cause !== undefined && { cause }),
  })

export const notPreparable = (version: string, fact: string, cause?: unknown) =>
  new SheikhError('invalid-options', `Cannot prepare the release ${version}: ${fact}. Correct the request.`, {
    facts: { version, fact },
    ...(cause !== undefined && { cause }),
  })

/** What `read` gives. If the record of a pending release is damaged, logs a warning instead: it must not stop the others. */
export async function unlessDamaged<V>(read: Promise<V>, { log }: CallContext): Promise<V | undefined> {
  try {
    return await read
  } catch (error) {
    if (!isSheikhError(error, 'artifact-corrupt')) throw error
    const { file, fact } = error.facts
    log.warn(
      `Cannot use a pending release: its record "${String(file)}" is damaged (${String(fact)}). Delete it if no run needs it.`,
      { file: String(file), fact: String(fact) },
    )
    return undefined
  }
}
