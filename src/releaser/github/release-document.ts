import { canonicalJson, type Digest, isDigest, type Json, messageOf, SheikhError } from '../../core/index.js'
import { type PendingRelease, parsePending } from '../index.js'
import { documentName } from './asset-names.js'

/** A file, or a part of it, as an asset. */
export interface AssetPart {
  readonly name: string
  readonly sizeBytes: number
  readonly digest: Digest
  /** The tag of the earlier release that has the asset, if it is reused. */
  readonly tag?: string | undefined
}

export interface FileAssets {
  readonly path: string
  readonly parts: readonly AssetPart[]
}

/** The content of `sheikh-release.json`: everything that another machine needs to continue or read the release. */
export interface ReleaseDocument {
  readonly pending: PendingRelease
  /** The commit of the tag. */
  readonly commit: string
  readonly assets: readonly FileAssets[]
}

export const documentText = ({ pending, commit, assets }: ReleaseDocument): string =>
  `${JSON.stringify({ ...pending, commit, assets }, null, 2)}\n`

/** @throws `artifact-corrupt` naming `where` it was read. */
export function parseDocument(text: string, where: string): ReleaseDocument {
  const value = parseJson(text, where) as { readonly commit?: Json; readonly assets?: Json } | null
  const pending = parsePending(value, where)
  const { commit, assets } = value ?? {}
  const sizes = new Map(
    pending.manifest.files.filter(({ sizeBytes }) => sizeBytes > 0).map((file) => [file.path, file]),
  )
  if (typeof commit !== 'string') throw corrupt(where, 'it contains no commit')
  if (!Array.isArray(assets) || assets.length !== sizes.size || !assets.every(isFileAssets))
    throw corrupt(where, 'it does not map files to assets')
  for (const { path, parts } of assets as readonly FileAssets[]) {
    const held = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const isWhole = parts.length !== 1 || parts[0]!.digest === sizes.get(path)?.digest
    if (held !== sizes.get(path)?.sizeBytes || !isWhole)
      throw corrupt(where, `the assets of "${path}" do not match the file`)
    sizes.delete(path)
  }
  return { pending, commit, assets: assets as readonly FileAssets[] }
}

/** Identifies the pending release of a draft or a tag: two runs may prepare the same version. */
export interface PendingKey {
  readonly version: string
  readonly bundle: string
  readonly runId: string
}

export interface Marker extends PendingKey {
  readonly publishedAtMs?: number
}

export const pendingKeyOf = ({
  version,
  bundle,
  record,
}: Pick<PendingRelease, 'version' | 'bundle' | 'record'>): PendingKey => ({
  version,
  bundle,
  runId: record.runId,
})
export const isSameKey = (one: PendingKey | undefined, other: PendingKey): boolean =>
  one?.version === other.version && one.bundle === other.bundle && one.runId === other.runId

// Not `.`, which matches no U+2028; the marker holds no `>`.
const comment = /<!-- sheikh (\{[^>]*\}) -->/

/** The marker in the notes of a release or the message of a tag that identifies it as ours. */
export function readMarker(text: string | null): Marker | undefined {
  try {
    const marker = JSON.parse(comment.exec(text ?? '')?.[1] ?? 'null') as Partial<Marker> | null
    const isOurs = [marker?.version, marker?.bundle, marker?.runId].every((part) => typeof part === 'string')
    return isOurs ? (marker as Marker) : undefined
  } catch {
    return undefined
  }
}

/** An HTML comment, invisible in the rendered notes. */
export function withMarker(text: string, marker: Marker): string {
  // The content cannot end the comment.
  const line = `<!-- sheikh ${canonicalJson(marker).replaceAll('>', '\\u003e')} -->`
  return comment.test(text) ? text.replace(comment, () => line) : `${text}\n\n${line}\n`
}

function isFileAssets(value: unknown): value is FileAssets {
  const { path, parts } = (value ?? {}) as Partial<FileAssets>
  return (
    typeof path === 'string' &&
    Array.isArray(parts) &&
    parts.length > 0 &&
    parts.every(
      (part: Partial<AssetPart> | null) =>
        typeof part?.name === 'string' &&
        Number.isSafeInteger(part.sizeBytes) &&
        part.sizeBytes! > 0 &&
        isDigest(part.digest) &&
        (part.tag === undefined || typeof part.tag === 'string'),
    )
  )
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw corrupt(where, messageOf(error))
  }
}

const corrupt = (where: string, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read ${documentName} in ${where}: ${fact}. Somebody changed the release. Use another version.`,
    { facts: { where } },
  )
