import { stat } from 'node:fs/promises'
import { type HubResponse, json, refuse } from './answer.js'
import { bytesOf, type Exchange } from './exchange.js'
import { readPart } from './large-objects.js'
import { parseRange, rangeAnswer } from './ranges.js'
import type { HubRepository } from './repositories.js'
import { type Reconstruction, reconstruct } from './xet-reconstruction.js'
import { keepShard, keepXorb, termsOf, xorbPath } from './xet-store.js'
import { xetTicket } from './xet-tokens.js'

const largestShardBytes = 65 * 2 ** 20

/** Content-addressed storage, below `/cas/`. https://huggingface.co/docs/xet/en/api */
export async function casRoute(exchange: Exchange, path: readonly string[]): Promise<HubResponse> {
  const { method, world, body } = exchange
  const [version, what, last = '', hash = ''] = path
  const address = `${method === 'HEAD' ? 'GET' : method} ${version}/${what}`
  if (version === 'xorbs') return xorbBytes(exchange, what ?? '')
  if (address === 'POST v1/xorbs') {
    xetTicket(exchange, 'write')
    return json(200, { was_inserted: await keepXorb(world.xetFolder, hash, body) })
  }
  if (address === 'POST v1/shards') {
    const { kind, name } = xetTicket(exchange, 'write')
    const repository = await world.repositories.find(kind as HubRepository['kind'], name)
    if (repository === undefined) throw refuse(404, 'The repository is gone')
    await keepShard(world.xetFolder, repository, await bytesOf(exchange, largestShardBytes))
    return json(200, { result: 1 })
  }
  if (address === 'GET v1/chunks') {
    xetTicket(exchange, 'read')
    throw refuse(404, 'No shard is known that has this chunk')
  }
  if (address === 'GET v1/reconstructions' || address === 'GET v2/reconstructions')
    return reconstruction(exchange, last, version === 'v2')
  throw refuse(404, 'Not found')
}

async function reconstruction(exchange: Exchange, hash: string, isSecond: boolean): Promise<HubResponse> {
  const { world, headers } = exchange
  const ticket = xetTicket(exchange, 'read')
  const terms = await termsOf(world.xetFolder, hash)
  if (terms === undefined) throw refuse(404, 'File not found')
  const sizeBytes = terms.reduce((total, { unpackedBytes }) => total + unpackedBytes, 0)
  const { start, end } = parseRange(headers.range, sizeBytes) ?? { start: 0, end: sizeBytes }
  if (start >= end) throw refuse(416, 'Range not satisfiable')
  const found = await reconstruct(world.xetFolder, terms, start, end)
  const url = (xorb: string) => {
    const signed = world.tickets.sign({ ...ticket, may: 'read', oid: xorb })
    return `${world.storageUrl}/cas/xorbs/${xorb}?ticket=${signed}`
  }
  const fetches = isSecond ? { xorbs: secondFetches(found, url) } : { fetch_info: firstFetches(found, url) }
  return json(200, {
    offset_into_first_range: found.skippedBytes,
    terms: found.terms.map(({ xorb, start, end, unpackedBytes }) => ({
      hash: xorb,
      unpacked_length: unpackedBytes,
      range: { start, end },
    })),
    ...fetches,
  })
}

type UrlOf = (xorb: string) => string

/** One entry for each range: several in one request would need an answer in several parts. */
const secondFetches = ({ fetches }: Reconstruction, url: UrlOf) =>
  Object.fromEntries(
    [...fetches].map(([xorb, ranges]) => [xorb, ranges.map((range) => ({ url: url(xorb), ranges: [range] }))]),
  )

const firstFetches = ({ fetches }: Reconstruction, url: UrlOf) =>
  Object.fromEntries(
    [...fetches].map(([xorb, ranges]) => [
      xorb,
      ranges.map(({ chunks, bytes }) => ({ range: chunks, url: url(xorb), url_range: bytes })),
    ]),
  )

async function xorbBytes({ world, url, headers }: Exchange, hash: string): Promise<HubResponse> {
  const ticket = world.tickets.open(url.searchParams.get('ticket') ?? '')
  if (ticket === undefined || ticket.oid !== hash) throw refuse(403, 'SignatureDoesNotMatch')
  const path = xorbPath(world.xetFolder, hash)
  const { size } = await stat(path)
  return rangeAnswer({ sizeBytes: size, etag: `"${hash}"`, open: (start, end) => readPart(path, start, end) }, headers)
}
