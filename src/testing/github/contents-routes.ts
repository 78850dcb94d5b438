import { bodyOf, type Exchange, type GitHubResponse, json, notFound, problem } from './exchange.js'
import { keep, readTree } from './git-objects.js'
import { commitShape } from './git-routes.js'
import { addCommit } from './github-state.js'

/** A file on a branch: read, and written by whoever knows what it was. */
export function contentsRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, query, repository, nowMs } = exchange
  const path = exchange.path.slice('contents/'.length)
  const asked = bodyOf(exchange)
  const branch = (method === 'PUT' ? asked['branch'] : query.get('ref')) ?? repository.defaultBranch
  const ref = `refs/heads/${branch}`
  const head = repository.refs.get(ref)
  const commit = head === undefined ? undefined : repository.objects.get(head)
  if (commit?.type !== 'commit')
    return problem(404, method === 'PUT' ? `Branch ${branch} not found` : `No commit found for the ref ${branch}`)
  const files = readTree(repository.objects, commit.tree)
  const there = files.get(path)
  if (method === 'GET')
    return there === undefined ? notFound : json(200, shape(exchange, path, `${branch}`, there, true))
  if (method !== 'PUT') return undefined
  if (there !== undefined && asked['sha'] === undefined)
    return problem(422, `Invalid request.\n\n"sha" wasn't supplied.`)
  if (there !== undefined && asked['sha'] !== there) return problem(409, `${path} does not match ${asked['sha']}`)
  const bytes = Buffer.from(String(asked['content']), 'base64')
  const sha = keep(repository.objects, { type: 'blob', bytes })
  const made = addCommit(repository, ref, files.set(path, sha), String(asked['message']), nowMs)
  const own = `${exchange.world.apiUrl}/repos/${repository.name}/git`
  return json(there === undefined ? 201 : 200, {
    content: shape(exchange, path, `${branch}`, sha, false),
    commit: commitShape(own, made, repository),
  })
}

function shape({ repository, world }: Exchange, path: string, branch: string, sha: string, withContent: boolean) {
  const blob = repository.objects.get(sha)
  const bytes = blob?.type === 'blob' ? blob.bytes : new Uint8Array(0)
  const own = `${world.apiUrl}/repos/${repository.name}`
  const site = `https://github.com/${repository.name}`
  const url = `${own}/contents/${path}?ref=${branch}`
  const gitUrl = `${own}/git/blobs/${sha}`
  return {
    name: path.split('/').at(-1),
    path,
    sha,
    size: bytes.byteLength,
    url,
    html_url: `${site}/blob/${branch}/${path}`,
    git_url: gitUrl,
    download_url: `https://raw.githubusercontent.com/${repository.name}/${branch}/${path}`,
    type: 'file',
    ...(withContent && { content: Buffer.from(bytes).toString('base64'), encoding: 'base64' }),
    _links: { self: url, git: gitUrl, html: `${site}/blob/${branch}/${path}` },
  }
}
