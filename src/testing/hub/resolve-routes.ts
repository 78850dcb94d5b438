import { entryNotFound, type HubResponse, redirect } from './answer.js'
import type { RepositoryExchange } from './exchange.js'
import { blobFacts, readBlob, readCommit } from './git-objects.js'
import { objectUrl } from './lfs-routes.js'
import type { LargeFile } from './pointer.js'
import { rangeAnswer } from './ranges.js'
import { resolveRevision } from './refs.js'
import { entryAt } from './trees.js'
import { xetHashOf } from './xet-store.js'
import { casUrl } from './xet-tokens.js'

const xetType = 'application/vnd.xet-fileinfo+json'

/** A file's content; `isRaw`: what Git knows of it, which of a large file is its pointer. */
export async function resolveRoute(exchange: RepositoryExchange, isRaw: boolean): Promise<HubResponse> {
  const { repository, rest, headers } = exchange
  const [revision, ...names] = rest
  const path = names.join('/')
  const commit = await resolveRevision(repository, revision!)
  const entry = await entryAt(repository, (await readCommit(repository, commit)).tree, path)
  if (entry?.type !== 'blob') throw entryNotFound(path)
  const named = { 'x-repo-commit': commit }
  const { sizeBytes, large } = await blobFacts(repository, entry.oid)
  if (large !== undefined && !isRaw) return largeAnswer(exchange, large, named)
  async function* open(start: number, end: number) {
    yield (await readBlob(repository, entry!.oid)).subarray(start, end)
  }
  return rangeAnswer({ sizeBytes, etag: `"${entry.oid}"`, open }, headers, named)
}

async function largeAnswer(
  exchange: RepositoryExchange,
  large: LargeFile,
  named: Readonly<Record<string, string>>,
): Promise<HubResponse> {
  const { world, repository, rest, headers, method } = exchange
  const linked = { ...named, 'x-linked-size': `${large.sizeBytes}`, 'x-linked-etag': `"${large.oid}"` }
  const hash = world.transfer === 'xet' ? await xetHashOf(world.xetFolder, repository, large) : undefined
  if (hash === undefined) return redirect(302, objectUrl(exchange, large, 'read'), linked)
  const refreshUrl = `${world.url}/api/${repository.kind}/${repository.name}/xet-read-token/${encodeURIComponent(rest[0]!)}`
  const reconstructionUrl = `${casUrl(exchange)}/v1/reconstructions/${hash}`
  const all = {
    ...linked,
    'x-xet-hash': hash,
    link: `<${refreshUrl}>; rel="xet-auth", <${reconstructionUrl}>; rel="xet-reconstruction-info"`,
  }
  if (method === 'HEAD' || !headers.accept?.includes(xetType))
    return redirect(302, objectUrl(exchange, large, 'read'), all)
  const body = JSON.stringify({ hash, refreshUrl, reconstructionUrl, etag: large.oid, size: large.sizeBytes })
  return { status: 200, headers: { ...all, etag: `"${large.oid}"`, 'content-type': xetType }, body: Buffer.from(body) }
}
