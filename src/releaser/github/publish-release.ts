import { SheikhError } from '../../core/index.js'
import { pendingGone } from '../index.js'
import type { GitHubApi, ReleaseJson } from './github-api.js'
import type { Found } from './plan-removal.js'
import { pendingKeyOf, withMarker } from './release-document.js'
import { claimTag } from './release-tag.js'
import { findPublished } from './releases.js'

/**
 * Creates the tag first, which only one of several runs can do. Then one last request publishes the draft.
 *
 * @returns the release; `undefined` if a release exists that this request did not create.
 * @throws `release-conflict` if the tag belongs to another run.
 */
export async function publishRelease(
  api: GitHubApi,
  { release, document }: Found,
  publishedAtMs: number,
): Promise<Found | undefined> {
  const key = pendingKeyOf(document.pending)
  const tag = release.tag_name
  await claimTag(api, tag, document.commit, key)
  const answer = await api.call<ReleaseJson>(`publish ${tag}`, 'PATCH', `releases/${release.id}`, {
    body: { draft: false, make_latest: 'false', body: withMarker(release.body ?? '', { ...key, publishedAtMs }) },
    allow: [404, 422],
  })
  if (answer.ok) return { release: answer.value, document }
  // The first attempt may have succeeded with its response lost.
  if ((await findPublished(api, tag)) !== undefined) return undefined
  const isGone = async () =>
    !(await api.call(`read the draft of ${tag}`, 'GET', `releases/${release.id}`, { allow: [404] })).ok
  if (answer.status === 404 && (await isGone())) throw pendingGone(document.pending.version)
  throw new SheikhError(
    'release-rejected',
    `Cannot publish ${tag}: GitHub answered ${answer.status}, "${answer.message}". Fix the cause and run again.`,
    { facts: { tag, status: answer.status } },
  )
}
