import { SheikhError } from '../../core/index.js'
import { encodePath, type GitHubApi } from './github-api.js'
import { isSameKey, type PendingKey, readMarker, withMarker } from './release-document.js'

interface RefJson {
  readonly object: { readonly sha: string; readonly type: string }
}

export interface ReleaseTag {
  /** Whose it is; absent: somebody else made it. */
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
 * Makes the tag, which decides a race: GitHub makes a reference once. It is an annotated one, so that its message says
 * whose it is; two runs of one commit would look the same otherwise.
 *
 * @throws `release-conflict` where it is another's.
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
  // Taken meanwhile, or by a first attempt whose answer was lost.
  const now = await readTag(api, tag)
  if (now !== undefined) return checkTag(now, tag, key)
  throw new SheikhError(
    'release-rejected',
    `Cannot ${act}: GitHub answered "${ref.message}". Allow the token to make tags like it.`,
    { facts: { tag, status: ref.status } },
  )
}

/** @throws `release-conflict` where the tag is another's. */
export function checkTag(found: ReleaseTag, tag: string, key: PendingKey): void {
  if (isSameKey(found.key, key)) return
  const whose = found.key === undefined ? 'was made by somebody else' : `is of the run ${found.key.runId}`
  throw new SheikhError(
    'release-conflict',
    `Cannot release ${key.version}: the tag ${tag} ${whose}. Run again; if nothing was released under it, delete the tag first.`,
    { facts: { version: key.version, tag }, retryable: true },
  )
}

/** Deletes the tag where it is this pending release's. */
export async function dropTag(api: GitHubApi, tag: string, key: PendingKey): Promise<void> {
  const there = await readTag(api, tag)
  if (isSameKey(there?.key, key))
    await api.call(`delete the tag ${tag}`, 'DELETE', `git/refs/tags/${encodePath(tag)}`, { allow: [404, 422] })
}
