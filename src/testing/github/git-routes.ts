import { bodyOf, type Exchange, type GitHubResponse, json, notFound, nothing, page, problem } from './exchange.js'
import { keep, readTree, writeTree } from './git-objects.js'
import type { GitHubRepositoryState } from './github-state.js'
import { date, nodeId } from './release-shapes.js'

/** Below `git`; `undefined`: no such route. */
export function gitRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, path, repository, world } = exchange
  if (repository.refs.size === 0) return problem(409, 'Git Repository is empty.')
  const own = `${world.apiUrl}/repos/${repository.name}/git`
  const [, kind, name = ''] = /^git\/([a-z-]+)\/?(.*)$/.exec(path) ?? []
  if (kind === 'matching-refs') return matchingRefs(exchange, own, `refs/${name}`)
  if (kind === 'ref' || kind === 'refs') return refRoutes(exchange, own, kind, `refs/${name}`)
  if (method === 'POST') return create(exchange, own, kind)
  const sha = /^[0-9a-f]{40}$/.test(name) ? name : undefined
  const object = sha === undefined ? undefined : repository.objects.get(sha)
  if (kind === 'blobs' && object?.type === 'blob')
    return json(200, {
      sha,
      node_id: nodeId(name),
      size: object.bytes.byteLength,
      url: `${own}/blobs/${sha}`,
      content: Buffer.from(object.bytes).toString('base64'),
      encoding: 'base64',
    })
  if (kind === 'tags' && object?.type === 'tag') return json(200, tagShape(own, name, repository))
  if (kind === 'commits' && object?.type === 'commit') return json(200, commitShape(own, name, repository))
  return kind === 'trees' ? tree(exchange, own, name) : notFound
}

/** All whose name begins so. */
function matchingRefs(exchange: Exchange, own: string, beginning: string): GitHubResponse {
  const { refs, objects } = exchange.repository
  const found = [...refs].filter(([name]) => name.startsWith(beginning))
  return page(
    exchange,
    found.map(([name, sha]) => ({
      ref: name,
      node_id: nodeId(name),
      url: `${own}/${name}`,
      object: { sha, type: objects.get(sha)!.type, url: `${own}/${objects.get(sha)!.type}s/${sha}` },
    })),
  )
}

function refRoutes(exchange: Exchange, own: string, kind: string, ref: string): GitHubResponse {
  const { method, repository } = exchange
  const { refs, objects } = repository
  const shape = (status: number, name: string) => {
    const sha = refs.get(name)!
    const type = objects.get(sha)!.type
    return json(status, {
      ref: name,
      node_id: nodeId(name),
      url: `${own}/${name}`,
      object: { sha, type, url: `${own}/${type}s/${sha}` },
    })
  }
  const { ref: asked, sha } = bodyOf(exchange)
  if (method === 'POST') {
    if (typeof asked !== 'string' || !/^refs\/.+\/./.test(asked)) return problem(422, 'Reference name is invalid')
    if (refs.has(asked)) return problem(422, 'Reference already exists')
    if (typeof sha !== 'string' || !objects.has(sha)) return problem(422, 'Object does not exist')
    if (repository.spentTags.has(asked.replace('refs/tags/', '')))
      return problem(422, 'Repository rule violations found\n\nCannot create ref due to creations being restricted.')
    refs.set(asked, sha)
    return shape(201, asked)
  }
  if (method === 'GET' && ref === 'refs/')
    return json(
      200,
      [...refs.keys()].map((name) => shape(200, name).body),
    )
  if (!refs.has(ref)) return method === 'DELETE' ? problem(422, 'Reference does not exist') : notFound
  if (method === 'GET') return kind === 'ref' ? shape(200, ref) : json(200, [shape(200, ref).body])
  if (repository.spentTags.has(ref.replace('refs/tags/', '')))
    return problem(422, 'Repository rule violations found\n\nCannot change this ref: it is of an immutable release.')
  if (method === 'DELETE') {
    refs.delete(ref)
    return nothing
  }
  if (typeof sha !== 'string' || !objects.has(sha)) return problem(422, 'Object does not exist')
  refs.set(ref, sha)
  return shape(200, ref)
}

function create(exchange: Exchange, own: string, kind: string | undefined): GitHubResponse | undefined {
  const { repository, nowMs: atMs } = exchange
  const { objects } = repository
  const asked = bodyOf(exchange)
  if (kind === 'tags') {
    const { tag, message, object } = asked
    if (typeof object !== 'string' || !objects.has(object)) return problem(422, 'Object does not exist')
    const sha = keep(objects, { type: 'tag', object, name: `${tag}`, message: `${message}`, atMs })
    return json(201, tagShape(own, sha, repository))
  }
  if (kind === 'commits') {
    const { tree: root, parents = [], message } = asked
    if (typeof root !== 'string' || objects.get(root)?.type !== 'tree') return problem(422, 'Tree SHA does not exist')
    const sha = keep(objects, { type: 'commit', tree: root, parents: parents as string[], message: `${message}`, atMs })
    return json(201, commitShape(own, sha, repository))
  }
  if (kind !== 'trees') return undefined
  const base =
    typeof asked['base_tree'] === 'string' ? readTree(objects, asked['base_tree']) : new Map<string, string>()
  for (const { path, content, sha } of asked['tree'] as { path: string; content?: string; sha?: string }[])
    base.set(path, sha ?? keep(objects, { type: 'blob', bytes: Buffer.from(content ?? '') }))
  const sha = writeTree(objects, base)
  return json(201, { sha, url: `${own}/trees/${sha}`, tree: treeShape(own, base, repository), truncated: false })
}

function tree({ repository }: Exchange, own: string, name: string): GitHubResponse {
  const { refs, objects } = repository
  const sha = refs.get(`refs/heads/${name}`) ?? refs.get(`refs/tags/${name}`) ?? name
  const object = objects.get(sha)
  const root = object?.type === 'commit' ? object.tree : sha
  if (objects.get(root)?.type !== 'tree') return notFound
  return json(200, {
    sha: root,
    url: `${own}/trees/${root}`,
    tree: treeShape(own, readTree(objects, root), repository),
    truncated: false,
  })
}

const treeShape = (own: string, files: ReadonlyMap<string, string>, { objects }: GitHubRepositoryState) =>
  [...files].map(([path, sha]) => {
    const blob = objects.get(sha)
    const size = blob?.type === 'blob' ? blob.bytes.byteLength : 0
    return { path, mode: '100644', type: 'blob', sha, size, url: `${own}/blobs/${sha}` }
  })

function tagShape(own: string, sha: string, { objects }: GitHubRepositoryState) {
  const tag = objects.get(sha)
  if (tag?.type !== 'tag') return null
  return {
    node_id: nodeId(sha),
    tag: tag.name,
    sha,
    url: `${own}/tags/${sha}`,
    message: tag.message,
    tagger: person(tag.atMs),
    object: { type: 'commit', sha: tag.object, url: `${own}/commits/${tag.object}` },
    verification: unsigned,
  }
}

export function commitShape(own: string, sha: string, { objects, name }: GitHubRepositoryState) {
  const commit = objects.get(sha)
  if (commit?.type !== 'commit') return null
  return {
    sha,
    node_id: nodeId(sha),
    url: `${own}/commits/${sha}`,
    html_url: `https://github.com/${name}/commit/${sha}`,
    author: person(commit.atMs),
    committer: person(commit.atMs),
    tree: { sha: commit.tree, url: `${own}/trees/${commit.tree}` },
    message: commit.message,
    parents: commit.parents.map((parent) => ({ sha: parent, url: `${own}/commits/${parent}` })),
    verification: unsigned,
  }
}

const person = (atMs: number) => ({ name: 'loopback', email: 'loopback@localhost', date: date(atMs) })
const unsigned = { verified: false, reason: 'unsigned', signature: null, payload: null }
