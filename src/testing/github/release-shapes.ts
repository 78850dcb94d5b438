import type { World } from './exchange.js'
import type { GitHubAssetState, GitHubReleaseState, GitHubRepositoryState } from './github-state.js'

const site = 'https://github.com'

/** A release as GitHub shows it. */
export function releaseShape(world: World, repository: GitHubRepositoryState, release: GitHubReleaseState) {
  const { id, tagName } = release
  const own = `${world.apiUrl}/repos/${repository.name}`
  const archive = (kind: string) => (release.isDraft ? null : `${own}/${kind}/${tagName}`)
  return {
    url: `${own}/releases/${id}`,
    assets_url: `${own}/releases/${id}/assets`,
    upload_url: `${world.uploadUrl}/repos/${repository.name}/releases/${id}/assets{?name,label}`,
    html_url: `${site}/${repository.name}/releases/tag/${release.isDraft ? `untagged-${id}` : tagName}`,
    id,
    author: person,
    node_id: nodeId(id),
    tag_name: tagName,
    target_commitish: release.target,
    name: release.name,
    draft: release.isDraft,
    immutable: release.isImmutable,
    prerelease: release.isPrerelease,
    created_at: date(release.createdAtMs),
    published_at: release.publishedAtMs === undefined ? null : date(release.publishedAtMs),
    assets: release.assets.map((asset) => assetShape(world, repository, release, asset)),
    tarball_url: archive('tarball'),
    zipball_url: archive('zipball'),
    body: release.body,
  }
}

export function assetShape(
  world: World,
  repository: GitHubRepositoryState,
  release: GitHubReleaseState,
  asset: GitHubAssetState,
) {
  return {
    url: `${world.apiUrl}/repos/${repository.name}/releases/assets/${asset.id}`,
    id: asset.id,
    node_id: nodeId(asset.id),
    name: asset.name,
    label: asset.label,
    uploader: person,
    content_type: asset.contentType,
    state: asset.state,
    size: asset.bytes.byteLength,
    ...(world.hasDigests && { digest: asset.digest }),
    download_count: 0,
    created_at: date(asset.createdAtMs),
    updated_at: date(asset.createdAtMs),
    browser_download_url: `${site}/${repository.name}/releases/download/${release.tagName}/${asset.name}`,
  }
}

export const date = (atMs: number) => new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z')
export const nodeId = (id: number | string) => Buffer.from(`loopback ${id}`).toString('base64')

const account = 'https://api.github.com/users/loopback'
const person = {
  login: 'loopback',
  id: 1,
  node_id: nodeId(1),
  avatar_url: 'https://avatars.githubusercontent.com/u/1?v=4',
  gravatar_id: '',
  url: account,
  html_url: `${site}/loopback`,
  followers_url: `${account}/followers`,
  following_url: `${account}/following{/other_user}`,
  gists_url: `${account}/gists{/gist_id}`,
  starred_url: `${account}/starred{/owner}{/repo}`,
  subscriptions_url: `${account}/subscriptions`,
  organizations_url: `${account}/orgs`,
  repos_url: `${account}/repos`,
  events_url: `${account}/events{/privacy}`,
  received_events_url: `${account}/received_events`,
  type: 'User',
  site_admin: false,
}
