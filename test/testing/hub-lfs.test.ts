import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createRepo } from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub, HubOptions } from '../../src/testing/hub/index.js'
import { ask, bytesLike, common, hubForTest, repo } from './hub-fixture.js'

const oidOf = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')
const content = bytesLike(5, 2500)
const file = { oid: oidOf(content), size: content.length }

interface Batch {
  readonly transfer: string
  readonly objects: readonly {
    readonly actions?: Readonly<Record<string, { readonly href: string; readonly header?: Record<string, string> }>>
    readonly error?: { readonly code: number }
  }[]
}

async function batch(hub: Hub, operation: string, objects: readonly unknown[], transfers?: readonly string[]) {
  const body = { operation, objects, transfers }
  const answer = await ask(hub, 'POST', `/${repo}.git/info/lfs/objects/batch`, body)
  return { status: answer.status, ...((await answer.json()) as Batch) }
}

async function status(method: string, url: string, body?: Uint8Array | object, headers: Record<string, string> = {}) {
  const sent = body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body)
  const answer = await fetch(url, { method, headers, ...(sent !== undefined && { body: new Blob([sent]) }) })
  await answer.arrayBuffer()
  return answer.status
}

async function hubWithRepository(options: Partial<HubOptions> = {}) {
  const hub = await hubForTest(options)
  await createRepo(common(hub))
  return hub
}

it('each object of a list has its own answer', async () => {
  const hub = await hubWithRepository()
  const before = await batch(hub, 'upload', [file])
  const { upload, verify } = before.objects[0]!.actions!
  expect(await status('POST', verify!.href)).toBe(404)
  expect(await status('PUT', upload!.href, content)).toBe(200)
  expect(await status('POST', verify!.href)).toBe(200)
  const wrong = [
    { oid: 'no', size: 1 },
    { oid: file.oid, size: -1 },
    { oid: file.oid },
    { oid: '0'.repeat(64), size: 1 },
  ]
  const { objects } = await batch(hub, 'download', [file, ...wrong])
  expect(objects.map(({ error }) => error?.code)).toEqual([undefined, 422, 422, 422, 404])
  const { href } = objects[0]!.actions!['download']!
  expect(Buffer.from(await (await fetch(href)).arrayBuffer()).equals(content)).toBe(true)
  expect((await batch(hub, 'upload', [file])).objects[0]!.actions).toBeUndefined()
  expect((await batch(hub, 'erase', [file])).status).toBe(422)
})

it('an address is good for what it was given for, and for an hour', async () => {
  let nowMs = 1_700_000_000_000
  const hub = await hubWithRepository({ clock: { nowMs: () => nowMs } })
  const { upload } = (await batch(hub, 'upload', [file])).objects[0]!.actions!
  expect(await status('PUT', upload!.href, content)).toBe(200)
  const { href } = (await batch(hub, 'download', [file])).objects[0]!.actions!['download']!
  expect(await status('GET', href)).toBe(200)
  expect(await status('GET', href, undefined, { range: 'bytes=2500-' })).toBe(416)
  expect(await status('PUT', href, content)).toBe(403)
  expect(await status('DELETE', upload!.href)).toBe(405)
  for (const other of [href.replace(file.oid, '0'.repeat(64)), href.split('?')[0]!, `${hub.storageUrl}/else`])
    expect(await status('GET', other)).toBe(other.includes('/lfs/') ? 403 : 404)
  nowMs += 3_600_000
  expect(await status('GET', href)).toBe(403)
})

it('an empty file is taken when its length is said', async () => {
  const hub = await hubWithRepository({ transfer: 'multipart' })
  const empty = { oid: oidOf(new Uint8Array()), size: 0 }
  const { upload } = (await batch(hub, 'upload', [empty], ['basic', 'multipart'])).objects[0]!.actions!
  // fetch says the length of what is empty, even of a stream.
  const inPieces = request(upload!.href, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } }).end()
  const [refused] = (await once(inPieces, 'response')) as [IncomingMessage]
  expect(refused.resume().statusCode).toBe(501)
  expect(await status('PUT', upload!.href, new Uint8Array())).toBe(200)
  const { href } = (await batch(hub, 'download', [empty])).objects[0]!.actions!['download']!
  const read = (range: Record<string, string>) => status('GET', href, undefined, range)
  expect([await read({}), await read({ range: 'bytes=0-0' })]).toEqual([200, 416])
})

it('parts are taken in any order, and again, but only whole and all of them', async () => {
  const hub = await hubWithRepository({ transfer: 'multipart', chunkSizeBytes: 1000 })
  expect((await batch(hub, 'upload', [file])).transfer).toBe('basic')
  const { transfer, objects } = await batch(hub, 'upload', [file], ['multipart', 'basic'])
  expect(transfer).toBe('multipart')
  const { href, header } = objects[0]!.actions!['upload']!
  const { chunk_size, ...parts } = header!
  expect([chunk_size, Object.keys(parts)]).toEqual(['1000', ['00001', '00002', '00003']])
  const send = (number: number, part: Uint8Array) => status('PUT', parts[`0000${number}`]!, part)
  const part = (number: number) => content.subarray((number - 1) * 1000, number * 1000)
  const named = [1, 2, 3].map((partNumber) => ({ partNumber, etag: `"${oidOf(part(partNumber))}"` }))
  const complete = (body: object) => status('POST', href, body)
  expect(await send(3, part(3))).toBe(200)
  expect(await send(1, part(1))).toBe(200)
  expect(await send(2, part(3))).toBe(400)
  expect(await status('PUT', parts['00003']!.replace('/parts/3', '/parts/4'), part(1))).toBe(400)
  expect(await complete({ oid: file.oid, parts: named })).toBe(400)
  expect(await send(2, part(1))).toBe(200)
  expect(await complete({ oid: file.oid, parts: named })).toBe(400)
  expect(await send(2, part(2))).toBe(200)
  expect(await complete({ oid: '0'.repeat(64), parts: named })).toBe(400)
  expect(await complete({ oid: file.oid, parts: named.toReversed() })).toBe(400)
  expect(await complete({ oid: file.oid, parts: named.slice(1) })).toBe(400)
  expect((await batch(hub, 'download', [file])).objects[0]!.error?.code).toBe(404)
  expect(await complete({ oid: file.oid, parts: named })).toBe(200)
  // The first answer may have been lost.
  expect(await complete({ oid: file.oid, parts: named })).toBe(200)
  const { download } = (await batch(hub, 'download', [file])).objects[0]!.actions!
  expect(Buffer.from(await (await fetch(download!.href)).arrayBuffer()).equals(content)).toBe(true)
})

it('a commit names what is held, with its size or without', async () => {
  const hub = await hubWithRepository()
  const { upload } = (await batch(hub, 'upload', [file])).objects[0]!.actions!
  expect(await status('PUT', upload!.href, content)).toBe(200)
  const commit = async (more: object) => {
    const value = { path: 'a.bin', algo: 'sha256', oid: file.oid, ...more }
    const lines = [
      { key: 'header', value: { summary: 'a' } },
      { key: 'lfsFile', value },
    ]
    const sent = lines.map((line) => JSON.stringify(line)).join('\n')
    return (await ask(hub, 'POST', `/api/models/${repo}/commit/main`, sent)).status
  }
  expect(await Promise.all([{}, { size: file.size }].map(commit))).toEqual([200, 200])
  const wrong = [{ size: 1 }, { size: 'x' }, { algo: 'md5' }, { oid: '0'.repeat(64) }, { oid: '../../hub.json' }]
  expect(await Promise.all(wrong.map(commit))).toEqual(wrong.map(() => 400))
})
