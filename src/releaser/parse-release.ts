import {
  digestManifest,
  fits,
  isDigest,
  type Manifest,
  messageOf,
  misfitOf,
  parseManifest,
  type SheikhError,
} from '../core/index.js'
import { corruptRecord, notPreparable } from './registry-errors.js'
import { type ReleaseRecord, releaseRecordShape } from './release-record.js'
import type { PendingRelease, PostPublishActions, PrepareRequest, Release } from './releaser.js'
import { isVersion } from './version.js'

type Refuse = (fact: string, cause?: unknown) => SheikhError

/** Parses the stored document of a pending release. @throws `artifact-corrupt`, naming `where`, for anything else. */
export const parsePending = (value: unknown, where: string): PendingRelease =>
  pendingFrom(value, (fact, cause) => corruptRecord(where, fact, cause))

export function parseRelease(value: unknown, where: string): Release {
  const { publishedAtMs } = (value ?? {}) as Partial<Release>
  const pending = parsePending(value, where)
  if (typeof publishedAtMs !== 'number') throw corruptRecord(where, 'it has no publication time')
  return { ...pending, publishedAtMs }
}

/**
 * The pending release that a registry prepares: every registry that `parsePending` reads stores this. Members without a value
 * are absent.
 *
 * @throws `invalid-options` naming the first field that `parsePending` would refuse.
 */
export function pendingOf({ bundle, version, postPublish, record }: PrepareRequest): PendingRelease {
  const { digest, manifest } = bundle
  const made: PendingRelease = { formatVersion: 1, version, bundle: digest, manifest, postPublish, record }
  return pendingFrom(JSON.parse(JSON.stringify(made)), (fact, cause) => notPreparable(version, fact, cause))
}

function pendingFrom(value: unknown, refuse: Refuse): PendingRelease {
  const pending = value as Partial<PendingRelease> | null
  if (typeof pending !== 'object' || pending === null) throw refuse('it is not an object')
  if (pending.formatVersion !== 1) throw refuse(`its format version is ${JSON.stringify(pending.formatVersion)}, not 1`)
  if (!isVersion(pending.version)) throw refuse('it has no version')
  if (!isDigest(pending.bundle)) throw refuse('it has no bundle')
  const manifest = manifestIn(pending.manifest, refuse)
  if (digestManifest(manifest) !== pending.bundle)
    throw refuse('its bundle digest differs from the digest of its manifest')
  return {
    formatVersion: 1,
    version: pending.version,
    bundle: pending.bundle,
    manifest,
    postPublish: postPublishIn(pending.postPublish, refuse),
    record: recordIn(pending.record, refuse),
  }
}

function manifestIn(value: unknown, refuse: Refuse): Manifest {
  try {
    return parseManifest(value)
  } catch (error) {
    throw refuse(messageOf(error).replace(/\.$/, ''), error)
  }
}

function recordIn(value: unknown, refuse: Refuse): ReleaseRecord {
  if (fits(releaseRecordShape, value)) return value
  throw refuse(`its "${misfitOf(releaseRecordShape, value, 'record')}" is missing or has another form`)
}

function postPublishIn(value: unknown, refuse: Refuse): PostPublishActions {
  const postPublish = value as Partial<PostPublishActions> | null
  if (typeof postPublish !== 'object' || postPublish === null) throw refuse('it has no postPublish')
  const { channel, replaces, withdraws, reason, by, sourceKey } = postPublish
  if (!Array.isArray(withdraws) || !withdraws.every(isVersion))
    throw refuse('postPublish.withdraws is not a list of versions')
  if (replaces !== undefined && replaces !== null && !isVersion(replaces))
    throw refuse('postPublish.replaces is not a version')
  if (channel !== undefined && typeof channel !== 'string') throw refuse('postPublish.channel is not a string')
  if (sourceKey !== undefined && !isDigest(sourceKey)) throw refuse('postPublish.sourceKey is not a digest')
  return {
    ...(channel !== undefined && { channel }),
    ...(replaces !== undefined && { replaces }),
    withdraws,
    ...(typeof reason === 'string' && { reason }),
    ...(typeof by === 'string' && { by }),
    ...(sourceKey !== undefined && { sourceKey }),
  }
}
