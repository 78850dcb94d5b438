import { digestBytes } from '../../core/index.js'
import {
  bodyOf,
  type Exchange,
  type GitHubResponse,
  invalid,
  json,
  notFound,
  nothing,
  page,
  problem,
} from './exchange.js'
import type { GitHubAssetState, GitHubReleaseState, GitHubRepositoryState } from './github-state.js'
import { assetShape, releaseShape } from './release-shapes.js'

/** Below `releases`; `undefined`: no such route. */
export function releaseRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, path, repository } = exchange
  const shape = (status: number, release: GitHubReleaseState) =>
    json(status, releaseShape(exchange.world, repository, release))
  if (path === 'releases') {
    if (method === 'POST') return create(exchange)
    const visible = repository.releases.filter(({ isDraft }) => exchange.canWrite || !isDraft)
    return page(
      exchange,
      [...visible].reverse().map((release) => releaseShape(exchange.world, repository, release)),
    )
  }
  if (path === 'releases/latest') {
    const latest = latestOf(repository)
    return latest === undefined ? notFound : shape(200, latest)
  }
  const [, tag] = /^releases\/tags\/(.+)$/.exec(path) ?? []
  if (tag !== undefined) {
    const release = repository.releases.find(({ isDraft, tagName }) => !isDraft && tagName === tag)
    return release === undefined ? notFound : shape(200, release)
  }
  const [, assetId] = /^releases\/assets\/(\d+)$/.exec(path) ?? []
  if (assetId !== undefined) return assetRoutes(exchange, Number(assetId))
  const [, id, below] = /^releases\/(\d+)(\/assets)?$/.exec(path) ?? []
  const release = repository.releases.find((one) => one.id === Number(id) && (exchange.canWrite || !one.isDraft))
  if (id === undefined) return undefined
  if (release === undefined) return notFound
  if (below !== undefined)
    return method === 'POST'
      ? upload(exchange, release)
      : page(
          exchange,
          release.assets.map((asset) => assetShape(exchange.world, repository, release, asset)),
        )
  if (method === 'GET') return shape(200, release)
  if (method === 'PATCH') return update(exchange, release)
  repository.releases.splice(repository.releases.indexOf(release), 1)
  return nothing
}

/** What an upload that was cut off leaves: a name that is taken, and no bytes. */
export function leaveStarter(exchange: Exchange): void {
  const [, id] = /^releases\/(\d+)\/assets$/.exec(exchange.path) ?? []
  const release = exchange.repository.releases.find((one) => one.id === Number(id))
  const name = assetName(exchange)
  if (exchange.method !== 'POST' || release === undefined || name === '') return
  if (!release.isImmutable && release.assets.every((asset) => asset.name !== name))
    release.assets.push(newAsset(exchange, name, 'starter'))
}

function create(exchange: Exchange): GitHubResponse {
  const { repository, state, world, nowMs } = exchange
  const asked = bodyOf(exchange)
  if (typeof asked['tag_name'] !== 'string' || asked['tag_name'] === '')
    return invalid('Release', 'missing_field', 'tag_name')
  const release: GitHubReleaseState = {
    id: state.nextId++,
    tagName: asked['tag_name'],
    target: text(asked['target_commitish'], repository.defaultBranch),
    name: text(asked['name'], ''),
    body: text(asked['body'], ''),
    isDraft: true,
    isPrerelease: asked['prerelease'] === true,
    isImmutable: false,
    createdAtMs: nowMs,
    assets: [],
  }
  const refusal = asked['draft'] === true ? undefined : publish(exchange, release)
  if (refusal !== undefined) return refusal
  repository.releases.push(release)
  if (!release.isDraft) chooseLatest(repository, release, asked['make_latest'] ?? 'true')
  return json(201, releaseShape(world, repository, release))
}

function update(exchange: Exchange, release: GitHubReleaseState): GitHubResponse {
  const { repository, world } = exchange
  const asked = bodyOf(exchange)
  const tagName = text(asked['tag_name'], release.tagName)
  if (release.isImmutable && tagName !== release.tagName)
    return problem(422, 'Cannot change the tag of an immutable release.')
  release.tagName = tagName
  release.target = text(asked['target_commitish'], release.target)
  release.name = text(asked['name'], release.name)
  release.body = text(asked['body'], release.body)
  if (typeof asked['prerelease'] === 'boolean') release.isPrerelease = asked['prerelease']
  const isPublishing = release.isDraft && asked['draft'] === false
  const refusal = isPublishing ? publish(exchange, release) : undefined
  if (refusal !== undefined) return refusal
  if (!release.isDraft) chooseLatest(repository, release, asked['make_latest'] ?? (isPublishing ? 'true' : undefined))
  return json(200, releaseShape(world, repository, release))
}

/** A published release has a tag of its own: one is made where there is none. */
function publish({ repository, world, nowMs }: Exchange, release: GitHubReleaseState): GitHubResponse | undefined {
  const { releases, refs, objects } = repository
  const ref = `refs/tags/${release.tagName}`
  if (releases.some((other) => other !== release && !other.isDraft && other.tagName === release.tagName))
    return invalid('Release', 'already_exists', 'tag_name')
  if (!refs.has(ref)) {
    const commit = refs.get(`refs/heads/${release.target}`) ?? release.target
    if (repository.spentTags.has(release.tagName) || objects.get(commit)?.type !== 'commit')
      return invalid('Release', repository.spentTags.has(release.tagName) ? 'custom' : 'invalid', 'tag_name')
    refs.set(ref, commit)
  }
  release.isDraft = false
  release.publishedAtMs = nowMs
  release.isImmutable = world.isImmutable
  if (world.isImmutable) repository.spentTags.add(release.tagName)
  return undefined
}

function chooseLatest(
  repository: GitHubRepositoryState,
  { id, isPrerelease }: GitHubReleaseState,
  asked: unknown,
): void {
  if (asked === 'true' && !isPrerelease) repository.latestId = id
  if ((asked === 'false' || asked === 'legacy') && repository.latestId === id) repository.latestId = undefined
}

/** The chosen one, else the newest: never a draft or a pre-release. */
function latestOf({ releases, latestId }: GitHubRepositoryState): GitHubReleaseState | undefined {
  const candidates = releases.filter(({ isDraft, isPrerelease }) => !isDraft && !isPrerelease)
  return (
    candidates.find(({ id }) => id === latestId) ??
    candidates.sort((one, other) => other.createdAtMs - one.createdAtMs || other.id - one.id)[0]
  )
}

function upload(exchange: Exchange, release: GitHubReleaseState): GitHubResponse {
  const name = assetName(exchange)
  if (release.isImmutable) return problem(422, 'Cannot upload assets to an immutable release.')
  if (name === '') return invalid('ReleaseAsset', 'missing_field', 'name')
  if (exchange.body.length === 0 || exchange.contentLength === undefined) return problem(400, 'Bad Content-Length: ')
  if (release.assets.length >= 1000) return problem(422, 'file_count limited to 1000 assets per release')
  if (release.assets.some((asset) => asset.name === name)) return invalid('ReleaseAsset', 'already_exists', 'name')
  const asset = newAsset(exchange, name, 'uploaded')
  release.assets.push(asset)
  return json(201, assetShape(exchange.world, exchange.repository, release, asset))
}

function assetRoutes(exchange: Exchange, id: number): GitHubResponse {
  const { method, repository, world, accept } = exchange
  const release = repository.releases.find(({ assets }) => assets.some((asset) => asset.id === id))
  const asset = release?.assets.find((one) => one.id === id)
  if (release === undefined || asset === undefined || (release.isDraft && !exchange.canWrite)) return notFound
  if (method === 'DELETE') {
    if (release.isImmutable) return problem(422, 'Cannot delete asset from an immutable release.')
    release.assets.splice(release.assets.indexOf(asset), 1)
    return nothing
  }
  if (method === 'PATCH') {
    if (release.isImmutable) return problem(422, 'Cannot change an asset of an immutable release.')
    asset.name = text(bodyOf(exchange)['name'], asset.name)
    asset.label = text(bodyOf(exchange)['label'], asset.label)
  }
  if (accept !== 'application/octet-stream') return json(200, assetShape(world, repository, release, asset))
  if (asset.state === 'starter') return notFound
  if (world.downloadUrl !== undefined) return { status: 302, headers: { location: world.downloadUrl(id) } }
  return { status: 200, bytes: asset.bytes, headers: { 'content-type': asset.contentType } }
}

const newAsset = (
  { state, contentType, query, body, nowMs }: Exchange,
  name: string,
  stands: GitHubAssetState['state'],
) => ({
  id: state.nextId++,
  name,
  label: query.get('label') ?? '',
  contentType,
  state: stands,
  bytes: stands === 'uploaded' ? body : new Uint8Array(0),
  digest: stands === 'uploaded' ? digestBytes(body) : null,
  createdAtMs: nowMs,
})

/** GitHub has names of its own for what is not plain. */
const assetName = ({ query }: Exchange) =>
  (query.get('name') ?? '')
    .replace(/[^A-Za-z0-9._-]+/g, '.')
    .replace(/\.{2,}/g, '.')
    .replace(/^\.+|\.+$/g, '')

const text = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise)
