import type { TreeEntry } from 'isomorphic-git'
import { entryNotFound, type HubResponse, json } from './answer.js'
import { fieldsOf, listOf, type RepositoryExchange } from './exchange.js'
import { author, blobFacts, readCommit } from './git-objects.js'
import { lastCommits } from './history.js'
import { pointerTo } from './pointer.js'
import { resolveRevision } from './refs.js'
import { entryAt, walkTree } from './trees.js'
import { xetHashOf } from './xet-store.js'

const mostEntries = 1000
const mostExpandedEntries = 50

const isTrue = (text: string | null) => text === 'true' || text === '1' || text === 'True'

export async function treeRoute(exchange: RepositoryExchange): Promise<HubResponse> {
  const { repository, rest, url, world } = exchange
  const [revision, ...below] = rest
  const query = url.searchParams
  const isExpanded = isTrue(query.get('expand'))
  const head = await resolveRevision(repository, revision!)
  const { tree } = await readCommit(repository, head)
  const path = below.filter((name) => name !== '').join('/')
  const folder = path === '' ? { type: 'tree', oid: tree } : await entryAt(repository, tree, path)
  if (folder?.type !== 'tree') throw entryNotFound(path)
  const most = isExpanded ? mostExpandedEntries : mostEntries
  const limit = Math.min(Number(query.get('limit') ?? most) || most, most)
  const from = Number(Buffer.from(query.get('cursor') ?? '', 'base64url').toString()) || 0
  const entries: TreeEntry[] = []
  let number = 0
  let hasMore = false
  const walk = walkTree(repository, folder.oid, path === '' ? '' : `${path}/`, isTrue(query.get('recursive')))
  for await (const entry of walk) {
    hasMore = entries.length === limit
    if (hasMore) break
    if (number++ >= from) entries.push(entry)
  }
  const headers: Record<string, string> = {}
  if (hasMore) {
    const next = new URL(url.pathname + url.search, world.url)
    next.searchParams.set('cursor', Buffer.from(`${from + limit}`).toString('base64url'))
    headers['link'] = `<${next}>; rel="next"`
  }
  return json(200, await described(exchange, head, entries, isExpanded), headers)
}

export async function pathsInfo(exchange: RepositoryExchange): Promise<HubResponse> {
  const { repository, rest } = exchange
  const { paths, expand } = await fieldsOf(exchange)
  const head = await resolveRevision(repository, rest[0]!)
  const { tree } = await readCommit(repository, head)
  const entries: TreeEntry[] = []
  for (const asked of typeof paths === 'string' ? [paths] : listOf(paths)) {
    const path = `${asked}`.replace(/\/$/, '')
    const entry = await entryAt(repository, tree, path)
    if (entry !== undefined) entries.push({ ...entry, path })
  }
  return json(200, await described(exchange, head, entries, isTrue(`${listOf(expand)[0] ?? expand}`)))
}

/** As the Hub lists them. */
async function described(
  exchange: RepositoryExchange,
  head: string,
  entries: readonly TreeEntry[],
  isExpanded: boolean,
): Promise<readonly object[]> {
  const commits = isExpanded ? await lastCommits(exchange.repository, head, entries) : new Map<string, object>()
  return Promise.all(
    entries.map(async ({ path, oid, type }) => {
      const lastCommit = isExpanded && { lastCommit: commits.get(path) }
      if (type === 'tree') return { type: 'directory', oid, size: 0, path, ...lastCommit }
      return { type: 'file', oid, path, ...(await sizes(exchange, oid)), ...lastCommit }
    }),
  )
}

async function sizes({ world, repository }: RepositoryExchange, oid: string): Promise<Sizes> {
  const { sizeBytes, large } = await blobFacts(repository, oid)
  if (large === undefined) return { size: sizeBytes }
  const xetHash = world.transfer === 'xet' ? await xetHashOf(world.xetFolder, repository, large) : undefined
  const lfs = { oid: large.oid, size: large.sizeBytes, pointerSize: pointerTo(large).length }
  return { size: large.sizeBytes, lfs, ...(xetHash && { xetHash }) }
}

interface Sizes {
  readonly size: number
  readonly lfs?: { readonly oid: string; readonly size: number; readonly pointerSize: number }
  readonly xetHash?: string
}

/** What is said of a model, a dataset or a space. */
export async function repositoryInfo(exchange: RepositoryExchange): Promise<HubResponse> {
  const { repository, rest, url } = exchange
  const sha = await resolveRevision(repository, rest[0] ?? 'main')
  const { tree, committer } = await readCommit(repository, sha)
  const isWithBlobs = isTrue(url.searchParams.get('blobs'))
  const siblings: object[] = []
  for await (const { path, oid, type } of walkTree(repository, tree, '', true)) {
    if (type !== 'blob') continue
    if (!isWithBlobs) siblings.push({ rfilename: path })
    else {
      const { lfs, ...size } = await sizes(exchange, oid)
      siblings.push({ rfilename: path, blobId: oid, ...size, ...(lfs && { lfs: { ...lfs, sha256: lfs.oid } }) })
    }
  }
  return json(200, {
    _id: repository.id,
    id: repository.name,
    ...(repository.kind === 'models' && { modelId: repository.name }),
    author: repository.name.split('/')[0],
    sha,
    lastModified: new Date(committer.timestamp * 1000).toISOString(),
    createdAt: repository.createdAt,
    private: repository.isPrivate,
    gated: false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings,
  })
}

export async function commitsRoute({ repository, rest, url, world }: RepositoryExchange): Promise<HubResponse> {
  const most = 100
  const limit = Math.min(Number(url.searchParams.get('limit') ?? most) || most, 1000)
  const page = Number(url.searchParams.get('p') ?? 0) || 0
  const commits: object[] = []
  let total = 0
  let oid: string | undefined = await resolveRevision(repository, rest[0]!)
  while (oid !== undefined) {
    const { message, committer, parent } = await readCommit(repository, oid)
    if (total >= page * limit && commits.length < limit) {
      const [title, ...more] = message.trimEnd().split('\n')
      const date = new Date(committer.timestamp * 1000).toISOString()
      commits.push({
        id: oid,
        title,
        message: more.join('\n').trim(),
        authors: [{ user: author.name, avatar: '' }],
        date,
      })
    }
    total++
    oid = parent[0]
  }
  const headers: Record<string, string> = { 'x-total-count': `${total}` }
  if ((page + 1) * limit < total) {
    const next = new URL(url.pathname + url.search, world.url)
    next.searchParams.set('p', `${page + 1}`)
    headers['link'] = `<${next}>; rel="next"`
  }
  return json(200, commits, headers)
}
