import { SheikhError } from '../../core/index.js'
import { encodePath, type GitHubApi } from './github-api.js'
import { isSameKey, type PendingKey, readMarker, withMarker } from './release-document.js'

interface RefJson {
  readonly object: { readonly sha: string; readonly type: string }
}

export interface ReleaseTag {
  /** The pending release of the tag. Absent if somebody else created the tag. */
  readonly key?: PendingKey | undefined
}

export async function readTag(api: GitHubApi, tag: string): Promise<ReleaseTag | undefined> {
  const act = `read the tag ${tag}`
  // An empty repository answers 409.
  const ref = await api.call<RefJson>(act, 'GET', `git/ref/tags/${encodePath(tag)}`, { allow: [404, 409] })
  if (!ref.ok) return undefined
  const { sha, type } = ref.value.object
  if (type !== 'tag') return {}
  const { value } = await api.call<{ readonly message: string }>(act, 'GET', `git/tags/${sha}`)
  return { key: readMarker(value.message) }
}

/**
 * Creates the tag. This decides a race, because GitHub creates a reference only once. The tag is annotated, and its message names
 * the run: otherwise two runs of the same commit would look the same.
 *
 * @throws `release-conflict` if the tag belongs to another run.
 */
export async function claimTag(api: GitHubApi, tag: string, commit: string, key: PendingKey): Promise<void> {
  const there = await readTag(api, tag)
  if (there !== undefined) return checkTag(there, tag, key)
  const act = `create the tag ${tag}`
  const message = withMarker(`sheikh-freemium ${key.version}`, key)
  const made = await api.call<{ readonly sha: string }>(act, 'POST', 'git/tags', {
    body: { tag, message, object: commit, type: 'commit' },
  })
  const body = { ref: `refs/tags/${tag}`, sha: made.value.sha }
  const ref = await api.call(act, 'POST', 'git/refs', { body, allow: [422] })
  if (ref.ok) return
  // Taken by another run, or by our first attempt whose response was lost.
  const now = await readTag(api, tag)
  if (now !== undefined) return checkTag(now, tag, key)
  throw new SheikhError(
    'release-rejected',
    `Cannot ${act}: GitHub answered "${ref.message}". Allow the token to create such tags.`,
    { facts: { tag, status: ref.status } },
  )
}

/** @throws `release-conflict` if the tag belongs to another run. */
export function checkTag(found: ReleaseTag, tag: string, key: PendingKey): void {
  if (isSameKey(found.key, key)) return
  const whose = found.key === undefined ? 'was created by somebody else' : `belongs to the run ${found.key.runId}`
  throw new SheikhError(
    'release-conflict',
    `Cannot release ${key.version}: the tag ${tag} ${whose}. Run again. If the tag has no release, delete the tag first.`,
    { facts: { version: key.version, tag }, retryable: true },
  )
}

/** Deletes the tag if it belongs to this pending release. */
export async function dropTag(api: GitHubApi, tag: string, key: PendingKey): Promise<void> {
  const there = await readTag(api, tag)
  if (isSameKey(there?.key, key))
    await api.call(`delete the tag ${tag}`, 'DELETE', `git/refs/tags/${encodePath(tag)}`, { allow: [404, 422] })
}
