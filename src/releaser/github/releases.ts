import { canonicalJson, isSheikhError, SheikhError } from '../../core/index.js'
import type { PendingRelease, TagFormat } from '../index.js'
import { documentName } from './asset-names.js'
import { type AssetJson, encodePath, type GitHubApi, type ReleaseJson } from './github-api.js'
import {
  type AssetPart,
  isSameKey,
  type PendingKey,
  parseDocument,
  pendingKeyOf,
  type ReleaseDocument,
  readMarker,
} from './release-document.js'

/** Documents by asset id. An asset never changes; it can only be replaced. */
export type Documents = Map<number, ReleaseDocument>

export interface Draft {
  readonly release: ReleaseJson
  readonly key: PendingKey
}

/** A complete draft, its content and its location. */
export interface WholeDraft extends Draft {
  readonly document: ReleaseDocument
  readonly assetOf: AssetOf
}

/** The asset of a part, compared by all that GitHub reports; `undefined` if it is missing or different. */
export type AssetOf = (part: AssetPart) => AssetJson | undefined

const longList = 30

export const listReleases = (api: GitHubApi) => api.all<ReleaseJson>('list the releases', 'releases')

/** The drafts of this project, complete or not. A tag with another format belongs to another project. */
export async function listDrafts(api: GitHubApi, { versionOf }: TagFormat): Promise<readonly Draft[]> {
  return (await listReleases(api)).flatMap((release) => {
    const key = readMarker(release.body)
    const isOurs = release.draft && key !== undefined && versionOf(release.tag_name) === key.version
    return isOurs ? [{ release, key }] : []
  })
}

export async function findPublished(api: GitHubApi, tag: string): Promise<ReleaseJson | undefined> {
  const { ok, value } = await api.call<ReleaseJson>(
    `read the release ${tag}`,
    'GET',
    `releases/tags/${encodePath(tag)}`,
    { allow: [404] },
  )
  return ok ? value : undefined
}

export const listAssets = (api: GitHubApi, { id, tag_name }: ReleaseJson) =>
  api.all<AssetJson>(`list the assets of ${tag_name}`, `releases/${id}/assets`)

/** Returns `undefined` for a release of something else. @throws `artifact-corrupt`. */
export async function readDocument(
  api: GitHubApi,
  release: ReleaseJson,
  documents: Documents,
): Promise<ReleaseDocument | undefined> {
  const isDocument = ({ name, state }: AssetJson) => name === documentName && state === 'uploaded'
  const { length } = release.assets
  // A release of code has no document; do not request it twice. GitHub may list only the first assets.
  const asset =
    release.assets.find(isDocument) ??
    (length < longList ? undefined : (await listAssets(api, release)).find(isDocument))
  return asset && (await documentIn(api, asset, release, documents))
}

async function documentIn(
  api: GitHubApi,
  { id }: AssetJson,
  { tag_name: tag }: ReleaseJson,
  documents: Documents,
): Promise<ReleaseDocument> {
  const document = documents.get(id) ?? parseDocument(await api.text(id), tag)
  documents.set(id, document)
  return document
}

/** Returns `undefined` for an incomplete draft, as an interrupted preparation leaves it. */
export async function wholeDraft(api: GitHubApi, draft: Draft, documents: Documents): Promise<WholeDraft | undefined> {
  const assets = await listAssets(api, draft.release)
  const asset = assets.find(({ name, state }) => name === documentName && state === 'uploaded')
  if (asset === undefined) return undefined
  try {
    const document = await documentIn(api, asset, draft.release, documents)
    const isOwn = isSameKey(pendingKeyOf(document.pending), draft.key)
    if (!isOwn) return undefined
    const assetOf = await findAssets(api, assets, document)
    return partsOf(document).every(assetOf) ? { ...draft, document, assetOf } : undefined
  } catch (error) {
    if (isSheikhError(error, 'artifact-corrupt')) return undefined
    throw error
  }
}

/** Drafts that this process created, by key: GitHub's list may show a new draft late. */
export type KnownDrafts = Map<string, number>

export async function findDraft(
  api: GitHubApi,
  format: TagFormat,
  pending: PendingRelease,
  known: KnownDrafts,
): Promise<Draft | undefined> {
  const wanted = pendingKeyOf(pending)
  const id = known.get(canonicalJson(wanted))
  if (id !== undefined) {
    const { ok, value } = await api.call<ReleaseJson>('read a draft', 'GET', `releases/${id}`, { allow: [404] })
    const key = ok && value.draft ? readMarker(value.body) : undefined
    if (key !== undefined && isSameKey(key, wanted)) return { release: value, key }
  }
  return (await listDrafts(api, format)).find(({ key }) => isSameKey(key, wanted))
}

export const partsOf = ({ assets }: ReleaseDocument): readonly AssetPart[] => assets.flatMap(({ parts }) => parts)

/** @param own the release's own assets. */
export async function findAssets(
  api: GitHubApi,
  own: readonly AssetJson[],
  document: ReleaseDocument,
): Promise<AssetOf> {
  const byTag = new Map<string | undefined, readonly AssetJson[]>([[undefined, own]])
  for (const { tag } of partsOf(document)) {
    if (tag === undefined || byTag.has(tag)) continue
    const earlier = await findPublished(api, tag)
    byTag.set(tag, earlier === undefined ? [] : await listAssets(api, earlier))
  }
  return (part) => byTag.get(part.tag)?.find((asset) => asset.name === part.name && isPart(asset, part))
}

export const isPart = ({ state, size, digest }: AssetJson, part: Omit<AssetPart, 'name'>): boolean =>
  state === 'uploaded' && size === part.sizeBytes && (digest ?? part.digest) === part.digest

export const notHeld = (version: string, fact: string) =>
  new SheikhError('artifact-corrupt', `Cannot use ${version} on GitHub: ${fact}. Prepare it again.`, {
    facts: { version },
  })
