import { digestManifest, isDigest, type Manifest, messageOf, parseManifest, SheikhError } from '../core/index.js'
import type { Intent, Release, ReleaseRecord, Staged } from './releaser.js'
import { isVersion } from './version.js'

/** Reads what a registry keeps of a staging. @throws `artifact-corrupt` naming `where` for anything that is not one. */
export function parseStaged(value: unknown, where: string): Staged {
  const staged = value as Partial<Staged> | null
  if (typeof staged !== 'object' || staged === null) throw corrupt(where, 'it is not an object')
  if (staged.formatVersion !== 1)
    throw corrupt(where, `its format version is ${JSON.stringify(staged.formatVersion)}, not 1`)
  if (!isVersion(staged.version)) throw corrupt(where, 'it has no version')
  if (!isDigest(staged.bundle)) throw corrupt(where, 'it has no bundle')
  const manifest = parseFiles(staged.manifest, where)
  if (digestManifest(manifest) !== staged.bundle)
    throw corrupt(where, 'its bundle is not the one that its manifest describes')
  const { record } = staged
  if (typeof record !== 'object' || record === null || typeof record.runId !== 'string')
    throw corrupt(where, 'it has no record')
  return {
    formatVersion: 1,
    version: staged.version,
    bundle: staged.bundle,
    manifest,
    intent: parseIntent(staged.intent, where),
    record: record as ReleaseRecord,
  }
}

export function parseRelease(value: unknown, where: string): Release {
  const { promotedAtMs } = (value ?? {}) as Partial<Release>
  const staged = parseStaged(value, where)
  if (typeof promotedAtMs !== 'number') throw corrupt(where, 'it does not say when it was promoted')
  return { ...staged, promotedAtMs }
}

function parseFiles(value: unknown, where: string): Manifest {
  try {
    return parseManifest(value)
  } catch (error) {
    throw corrupt(where, messageOf(error).replace(/\.$/, ''), error)
  }
}

function parseIntent(value: unknown, where: string): Intent {
  const intent = value as Partial<Intent> | null
  if (typeof intent !== 'object' || intent === null) throw corrupt(where, 'it has no intent')
  const { channel, replaces, withdraws, reason, by, sourceKey } = intent
  if (!Array.isArray(withdraws) || !withdraws.every(isVersion))
    throw corrupt(where, 'what it withdraws is not a list of versions')
  if (replaces !== undefined && replaces !== null && !isVersion(replaces))
    throw corrupt(where, 'what it replaces is not a version')
  if (channel !== undefined && typeof channel !== 'string') throw corrupt(where, 'its channel is not text')
  if (sourceKey !== undefined && !isDigest(sourceKey)) throw corrupt(where, 'its source key is not a digest')
  return {
    ...(channel !== undefined && { channel }),
    ...(replaces !== undefined && { replaces }),
    withdraws,
    ...(typeof reason === 'string' && { reason }),
    ...(typeof by === 'string' && { by }),
    ...(sourceKey !== undefined && { sourceKey }),
  }
}

const corrupt = (where: string, fact: string, cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read the release in "${where}": ${fact}. Restore the registry from a copy.`,
    { facts: { file: where }, ...(cause !== undefined && { cause }) },
  )
