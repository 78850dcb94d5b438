import { createHash } from 'node:crypto'
import { createRepo } from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub } from '../../src/testing/hub/index.js'
import { ask, bytesLike, common, hubForTest, repo, token } from './hub-fixture.js'

const chunks = [bytesLike(1, 3000), bytesLike(2, 2000)]
const content = Buffer.concat(chunks)
const oid = createHash('sha256').update(content).digest('hex')
const [xorbHash, fileHash] = ['11'.repeat(32), '22'.repeat(32)]

/** Chunks that are not compressed, after each other. https://huggingface.co/docs/xet/en/xorb */
const xorb = Buffer.concat(
  chunks.map((chunk) => {
    const header = Buffer.alloc(8)
    header.writeUIntLE(chunk.length, 1, 3)
    header.writeUIntLE(chunk.length, 5, 3)
    return Buffer.concat([header, chunk])
  }),
)

/** One file of one term. Bytes of hashes that repeat need no turning. https://huggingface.co/docs/xet/en/shard */
function shardOf({ sha = oid, from = xorbHash, end = 2 } = {}): Buffer {
  const numbers = (...words: number[]) => Buffer.from(Uint32Array.from(words).buffer)
  const turned = Buffer.from(sha, 'hex')
  for (let at = 0; at < 32; at += 8) turned.subarray(at, at + 8).reverse()
  return Buffer.concat([
    Buffer.concat([Buffer.from('HFRepoMetaData'), Buffer.alloc(34)]),
    Buffer.concat([Buffer.from(fileHash, 'hex'), numbers(0x40000000, 1, 0, 0)]),
    Buffer.concat([Buffer.from(from, 'hex'), numbers(0, content.length, 0, end)]),
    Buffer.concat([turned, Buffer.alloc(16)]),
    Buffer.concat([Buffer.alloc(32, 0xff), Buffer.alloc(16)]),
  ])
}

async function xetHub() {
  const tokens = [
    { token, role: 'write' },
    { token: 'hf_read', role: 'read' },
  ] as const
  const hub = await hubForTest({ transfer: 'xet', tokens })
  await createRepo(common(hub))
  return hub
}

const grant = async (hub: Hub, may: 'read' | 'write') => {
  const answer = await ask(hub, 'GET', `/api/models/${repo}/xet-${may}-token/main`)
  const { accessToken, casUrl } = (await answer.json()) as { accessToken: string; casUrl: string }
  const cas = (method: string, path: string, body?: Uint8Array, more: Record<string, string> = {}) =>
    fetch(`${casUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${accessToken}`, ...more },
      ...(body && { body: new Uint8Array(body) }),
    })
  return { cas, status: async (...parts: Parameters<typeof cas>) => (await cas(...parts)).status }
}

it('a token of xet may do what it was given for', async () => {
  const hub = await xetHub()
  const path = (may: string) => `/api/models/${repo}/xet-${may}-token/main`
  const as = async (may: string, headers: Record<string, string>) =>
    (await fetch(`${hub.url}${path(may)}`, { headers })).status
  expect([await as('read', {}), await as('write', {})]).toEqual([200, 401])
  const reader = { authorization: 'Bearer hf_read' }
  expect([await as('read', reader), await as('write', reader)]).toEqual([200, 403])
  const reading = await grant(hub, 'read')
  const nobody = { authorization: 'Bearer made.up' }
  for (const to of [`/v1/xorbs/default/${xorbHash}`, '/v1/shards']) {
    expect(await reading.status('POST', to, xorb)).toBe(403)
    expect(await reading.status('POST', to, xorb, nobody)).toBe(401)
  }
  expect(await reading.status('GET', `/v2/reconstructions/${fileHash}`, undefined, nobody)).toBe(401)
  expect(await reading.status('GET', `/xorbs/${xorbHash}?ticket=made.up`)).toBe(403)
  expect(await reading.status('GET', `/v1/chunks/default/${xorbHash}`)).toBe(404)
  expect(await reading.status('GET', `/v1/reconstructions/${fileHash}`)).toBe(404)
  expect(await reading.status('GET', '/v1/reconstructions/..')).toBe(404)
  expect(await reading.status('GET', '/v3/else')).toBe(404)
})

it('a file is put together from what was sent, or refused', async () => {
  const hub = await xetHub()
  const { cas, status } = await grant(hub, 'write')
  const address = `/v1/xorbs/default/${xorbHash}`
  expect(await status('POST', '/v1/shards', shardOf())).toBe(400)
  expect(await status('POST', '/v1/xorbs/default/name', xorb)).toBe(400)
  for (const broken of [Buffer.from('x'), Buffer.alloc(0), xorb.subarray(0, -1)])
    expect(await status('POST', address, broken)).toBe(400)
  expect(await (await cas('POST', address, xorb)).json()).toEqual({ was_inserted: true })
  expect(await (await cas('POST', address, xorb)).json()).toEqual({ was_inserted: false })
  const broken = [{ sha: '0'.repeat(64) }, { from: '33'.repeat(32) }, { end: 3 }, { end: 1 }].map(shardOf)
  for (const shard of [...broken, Buffer.from('junk'), shardOf().subarray(0, 120)])
    expect(await status('POST', '/v1/shards', shard)).toBe(400)
  expect(await status('GET', `/v1/reconstructions/${fileHash}`)).toBe(404)
  expect(await status('POST', '/v1/shards', shardOf())).toBe(200)
  const objects = [{ oid, size: content.length }]
  const batch = await ask(hub, 'POST', `/${repo}.git/info/lfs/objects/batch`, { operation: 'download', objects })
  const found = (await batch.json()) as { objects: { actions: { download: { href: string } } }[] }
  const whole = await fetch(found.objects[0]!.actions.download.href)
  expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true)
})

it.each(['v1', 'v2'])('a part of a file is found in the chunks that hold it, by %s', async (version) => {
  const hub = await xetHub()
  const { cas, status } = await grant(hub, 'write')
  await cas('POST', `/v1/xorbs/default/${xorbHash}`, xorb)
  await cas('POST', '/v1/shards', shardOf())
  const address = `/${version}/reconstructions/${fileHash}`
  expect(await status('GET', address, undefined, { range: 'bytes=5000-' })).toBe(416)
  const answer = await cas('GET', address, undefined, { range: 'bytes=3100-3199' })
  const found = (await answer.json()) as {
    offset_into_first_range: number
    terms: unknown
    xorbs?: Record<string, { url: string; ranges: { chunks: unknown; bytes: { start: number; end: number } }[] }[]>
    fetch_info?: Record<string, { url: string; range: unknown; url_range: { start: number; end: number } }[]>
  }
  expect(found.offset_into_first_range).toBe(100)
  expect(found.terms).toEqual([{ hash: xorbHash, unpacked_length: 2000, range: { start: 1, end: 2 } }])
  const [second] = found.xorbs?.[xorbHash] ?? []
  const [first] = found.fetch_info?.[xorbHash] ?? []
  const { url } = (first ?? second)!
  const { start, end } = first?.url_range ?? second!.ranges[0]!.bytes
  expect(first?.range ?? second!.ranges[0]!.chunks).toEqual({ start: 1, end: 2 })
  const bytes = await (await fetch(url, { headers: { range: `bytes=${start}-${end}` } })).arrayBuffer()
  expect(Buffer.from(bytes).subarray(8).equals(chunks[1]!)).toBe(true)
})
