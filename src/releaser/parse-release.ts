import { digestManifest, fits, isDigest, type Manifest, messageOf, misfitOf, parseManifest } from '../core/index.js'
import { corruptRecord } from './registry-errors.js'
import { type ReleaseRecord, releaseRecordShape } from './release-record.js'
import type { PendingRelease, PostPublishActions, Release } from './releaser.js'
import { isVersion } from './version.js'

/** Parses the stored document of a pending release. @throws `artifact-corrupt`, naming `where`, for anything else. */
export function parsePending(value: unknown, where: string): PendingRelease {
  const pending = value as Partial<PendingRelease> | null
  if (typeof pending !== 'object' || pending === null) throw corruptRecord(where, 'it is not an object')
  if (pending.formatVersion !== 1)
    throw corruptRecord(where, `its format version is ${JSON.stringify(pending.formatVersion)}, not 1`)
  if (!isVersion(pending.version)) throw corruptRecord(where, 'it has no version')
  if (!isDigest(pending.bundle)) throw corruptRecord(where, 'it has no bundle')
  const manifest = parseFiles(pending.manifest, where)
  if (digestManifest(manifest) !== pending.bundle)
    throw corruptRecord(where, 'its bundle digest differs from the digest of its manifest')
  return {
    formatVersion: 1,
    version: pending.version,
    bundle: pending.bundle,
    manifest,
    postPublish: parsePostPublish(pending.postPublish, where),
    record: parseRecord(pending.record, where),
  }
}

export function parseRelease(value: unknown, where: string): Release {
  const { publishedAtMs } = (value ?? {}) as Partial<Release>
  const pending = parsePending(value, where)
  if (typeof publishedAtMs !== 'number') throw corruptRecord(where, 'it has no publication time')
  return { ...pending, publishedAtMs }
}

function parseFiles(value: unknown, where: string): Manifest {
  try {
    return parseManifest(value)
  } catch (error) {
    throw corruptRecord(where, messageOf(error).replace(/\.$/, ''), error)
  }
}

function parseRecord(value: unknown, where: string): ReleaseRecord {
  if (fits(releaseRecordShape, value)) return value
  throw corruptRecord(where, `its "${misfitOf(releaseRecordShape, value, 'record')}" is missing or has another form`)
}

function parsePostPublish(value: unknown, where: string): PostPublishActions {
  const postPublish = value as Partial<PostPublishActions> | null
  if (typeof postPublish !== 'object' || postPublish === null) throw corruptRecord(where, 'it has no postPublish')
  const { channel, replaces, withdraws, reason, by, sourceKey } = postPublish
  if (!Array.isArray(withdraws) || !withdraws.every(isVersion))
    throw corruptRecord(where, 'postPublish.withdraws is not a list of versions')
  if (replaces !== undefined && replaces !== null && !isVersion(replaces))
    throw corruptRecord(where, 'postPublish.replaces is not a version')
  if (channel !== undefined && typeof channel !== 'string')
    throw corruptRecord(where, 'postPublish.channel is not a string')
  if (sourceKey !== undefined && !isDigest(sourceKey))
    throw corruptRecord(where, 'postPublish.sourceKey is not a digest')
  return {
    ...(channel !== undefined && { channel }),
    ...(replaces !== undefined && { replaces }),
    withdraws,
    ...(typeof reason === 'string' && { reason }),
    ...(typeof by === 'string' && { by }),
    ...(sourceKey !== undefined && { sourceKey }),
  }
}
