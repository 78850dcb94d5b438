import { canonicalJson, type Digest, SheikhError } from '../../core/index.js'
import {
  notHeld,
  type PendingRelease,
  type PrepareRequest,
  parseVersion,
  pendingOf,
  type TagFormat,
  versionTaken,
} from '../index.js'
import { planAssets } from './asset-names.js'
import { encodePath, type GitHubApi, type ReleaseJson } from './github-api.js'
import { type FileAssets, isSameKey, pendingKeyOf, type ReleaseDocument, withMarker } from './release-document.js'
import { releaseNotes } from './release-notes.js'
import { checkTag, readTag } from './release-tag.js'
import {
  type Documents,
  type Draft,
  findPublished,
  type KnownDrafts,
  listDrafts,
  readDocument,
  wholeDraft,
} from './releases.js'
import { type SendOptions, sendAssets, sendDocument } from './send-assets.js'

export interface PrepareOptions extends SendOptions {
  readonly format: TagFormat
  readonly documents: Documents
  readonly drafts: KnownDrafts
  /** The newest release that is not withdrawn. The notes compare with it. */
  readonly previous: () => Promise<PendingRelease | undefined>
  /** A release with the complete bundle. */
  readonly holder: (bundle: Digest) => Promise<Holder | undefined>
}

interface Holder {
  readonly release: ReleaseJson
  readonly document: ReleaseDocument
}

/**
 * Creates a draft with every file and, last, the document. Continues a draft of an earlier attempt without uploading its assets
 * again.
 */
export async function prepareRelease(
  api: GitHubApi,
  request: PrepareRequest,
  options: PrepareOptions,
): Promise<PendingRelease> {
  const { format, documents, partBytes } = options
  const { bundle } = request
  const pending = pendingOf({ ...request, version: parseVersion(request.version) })
  const { version, record } = pending
  planAssets(bundle.manifest.files, partBytes)
  const key = pendingKeyOf(pending)
  const tag = format.tagOf(version)
  const published = await findPublished(api, tag)
  if (published !== undefined) {
    const document = await readDocument(api, published, documents)
    if (document !== undefined && isSameKey(pendingKeyOf(document.pending), key)) return document.pending
    throw versionTaken(version)
  }
  // Checked before gigabytes are uploaded.
  const taken = await readTag(api, tag)
  if (taken !== undefined) checkTag(taken, tag, key)

  const { directory } = bundle
  const earlier = directory === undefined ? await heldAlready(bundle.digest, options) : undefined
  const drafts = await listDrafts(api, format)
  const own = drafts.find((draft) => isSameKey(draft.key, key))
  const partial = own ?? (earlier ? undefined : await firstPartial(api, drafts, bundle.digest, documents))
  const commit = own?.release.target_commitish ?? (await commitFor(api, record.commit))
  const body = {
    tag_name: tag,
    target_commitish: commit,
    name: version,
    body: withMarker(releaseNotes(pending, await options.previous()) + whereFilesAre(earlier), key),
    draft: true,
    prerelease: isPrerelease(version),
  }
  const act = `draft the release ${tag}`
  const { value: release } =
    partial === undefined
      ? await api.call<ReleaseJson>(act, 'POST', 'releases', { body })
      : await api.call<ReleaseJson>(act, 'PATCH', `releases/${partial.release.id}`, { body })
  options.drafts.set(canonicalJson(key), release.id)
  await removePartials(api, release, options)
  const assets = earlier ?? (await sendAssets(api, release, { ...bundle, directory: directory! }, options))
  await sendDocument(api, release, { pending, commit, assets })
  return pending
}

export const isPrerelease = (version: string) => version.replace(/\+.*$/, '').includes('-')

const whereFilesAre = (files: readonly FileAssets[] | undefined): string => {
  const tags = new Set(files?.flatMap(({ parts }) => parts.map(({ tag }) => tag)))
  return tags.size === 0 ? '' : `\n\nThe files are assets of ${[...tags].join(' and ')}.`
}

/** GitHub cannot copy assets between releases, so the document names the release that has them. @throws `not-found`. */
async function heldAlready(bundle: Digest, { holder }: PrepareOptions): Promise<readonly FileAssets[]> {
  const held = await holder(bundle)
  if (held === undefined) throw notHeld(bundle)
  return held.document.assets.map(({ path, parts }) => ({
    path,
    parts: parts.map((part) => ({ ...part, tag: part.tag ?? held.release.tag_name })),
  }))
}

/** True if the draft already has assets of the bundle. */
async function firstPartial(
  api: GitHubApi,
  drafts: readonly Draft[],
  bundle: string,
  documents: Documents,
): Promise<Draft | undefined> {
  for (const draft of drafts)
    if (draft.key.bundle === bundle && (await wholeDraft(api, draft, documents)) === undefined) return draft
  return undefined
}

/** Interrupted drafts of earlier runs, or a second draft from a request whose response was lost. */
async function removePartials(api: GitHubApi, kept: ReleaseJson, { format, documents }: PrepareOptions): Promise<void> {
  for (const draft of await listDrafts(api, format)) {
    if (draft.release.id === kept.id || (await wholeDraft(api, draft, documents)) !== undefined) continue
    await api.call(`delete a draft of ${draft.release.tag_name}`, 'DELETE', `releases/${draft.release.id}`, {
      allow: [404],
    })
  }
}

/** The commit of the record if GitHub has it, else the head of the default branch: releases may be in a repository of their own. */
async function commitFor(api: GitHubApi, commit: string | undefined): Promise<string> {
  if (commit !== undefined && /^[0-9a-f]{40}$/.test(commit)) {
    const act = `read the commit ${commit}`
    const found = await api.call(act, 'GET', `git/commits/${commit}`, { allow: [404, 409, 422] })
    if (found.ok) return commit
  }
  const repository = await api.call<{ readonly default_branch: string }>('read the repository', 'GET', '')
  const branch = repository.value.default_branch
  const head = await api.call<{ readonly object: { readonly sha: string } }>(
    `read the branch ${branch}`,
    'GET',
    `git/ref/heads/${encodePath(branch)}`,
    { allow: [404, 409] },
  )
  if (!head.ok)
    throw new SheikhError(
      'release-rejected',
      `Cannot release to GitHub: the branch ${branch} has no commit that a tag could point at. Push a commit first.`,
      { facts: { branch } },
    )
  if (commit !== undefined)
    api.context.log.warn(`GitHub does not have the commit ${commit}: the tag will point at the head of ${branch}.`)
  return head.value.object.sha
}
