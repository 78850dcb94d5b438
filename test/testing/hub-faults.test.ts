import { createRepo, downloadFile, uploadFile } from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub, HubFault, HubOptions, HubRequest } from '../../src/testing/hub/index.js'
import { sampleOf } from '../whole.js'
import { ask, bytesLike, common, hubForTest, repo } from './hub-fixture.js'

const weights = bytesLike(3, 2_000_000)
const upload = (hub: Hub) => uploadFile({ ...common(hub), file: { path: 'model.bin', content: new Blob([weights]) } })
const download = async (hub: Hub) => {
  const found = await downloadFile({ ...common(hub), path: 'model.bin' })
  return found === null ? undefined : Buffer.from(await found.arrayBuffer())
}

/** A hub that has a file, and from now on the fault at these requests. */
async function faultyHub(
  fault: HubFault | 'lost answer',
  at: (request: HubRequest) => boolean,
  options: Partial<HubOptions> = {},
) {
  let isOn = false
  const hub = await hubForTest({
    ...options,
    before: (request) => (isOn && fault !== 'lost answer' && at(request) ? fault : undefined),
    after: (request) => (isOn && fault === 'lost answer' && at(request) ? 'cut' : undefined),
  })
  await createRepo(common(hub))
  return { hub, turn: (on: boolean) => (isOn = on) }
}

it('a status in place of the answer: nothing is done', async () => {
  const fault = { status: 429, headers: { 'retry-after': '7' }, body: { error: 'slow down' } }
  const { hub, turn } = await faultyHub(fault, ({ path }) => path.includes('/commit/'))
  turn(true)
  await expect(upload(hub)).rejects.toMatchObject({ statusCode: 429, data: { error: 'slow down' } })
  turn(false)
  expect(await download(hub)).toBeUndefined()
  await upload(hub)
  expect((await download(hub))?.equals(weights)).toBe(true)
})

it.each(sampleOf([400, 401, 403, 404, 409, 412, 416, 429, 500, 502, 503, 504], 3))(
  'says %d, and what goes with it',
  async (status) => {
    const headers = { 'retry-after': '7', 'x-error-code': 'GatedRepo', 'content-type': 'text/html' }
    const { hub, turn } = await faultyHub({ status, headers, body: '<html>' }, () => true)
    turn(true)
    for (const method of ['GET', 'POST', 'HEAD']) {
      const answer = await ask(
        hub,
        method,
        `/api/models/${repo}/tag/main`,
        method === 'POST' ? { tag: 'v1' } : undefined,
      )
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '7'])
      expect(answer.headers.get('x-error-code')).toBe('GatedRepo')
      expect(await answer.text()).toBe(method === 'HEAD' ? '' : '<html>')
    }
    turn(false)
    expect(await (await ask(hub, 'GET', `/api/models/${repo}/refs`)).json()).toMatchObject({ tags: [] })
  },
)

it('a fault may be of one request only, on the other host, and thought over', async () => {
  const seen: number[] = []
  const hub = await hubForTest({
    async before({ host, number }) {
      if (host === 'hub') return undefined
      seen.push(number)
      return await Promise.resolve(seen.length === 1 ? { status: 503 } : undefined)
    },
  })
  await createRepo(common(hub))
  await expect(upload(hub)).rejects.toMatchObject({ statusCode: 503, data: { error: 'Fault 503' } })
  await upload(hub)
  expect(seen).toEqual([4, 7])
  expect((await download(hub))?.equals(weights)).toBe(true)
})

it('a connection that breaks before: nothing is done', async () => {
  const { hub, turn } = await faultyHub('cut', ({ path }) => path.includes('/commit/'))
  turn(true)
  await expect(upload(hub)).rejects.toThrow('fetch failed')
  turn(false)
  expect(await download(hub)).toBeUndefined()
})

it('an answer that is lost: all is done', async () => {
  const { hub, turn } = await faultyHub('lost answer', ({ path }) => path.includes('/commit/'))
  turn(true)
  await expect(upload(hub)).rejects.toThrow('fetch failed')
  turn(false)
  expect((await download(hub))?.equals(weights)).toBe(true)
})

const cuts = [
  ['basic', 'PUT', ''],
  ['multipart', 'PUT', '/parts/2'],
  ['xet', 'POST', '/xorbs/'],
  ['xet', 'POST', '/shards'],
] as const
it.each(sampleOf(cuts, 2))(
  'an upload by %s that breaks at %s %s leaves nothing, and can be done again',
  async (...cut) => {
    const [transfer, method, part] = cut
    const at = (request: HubRequest) =>
      request.host === 'storage' && request.method === method && request.path.includes(part)
    // Of a shard, which is small, the middle comes early.
    const cutBodyAfterBytes = part === '/shards' ? 100 : 600_000
    const { hub, turn } = await faultyHub({ cutBodyAfterBytes }, at, { transfer, chunkSizeBytes: 700_000 })
    turn(true)
    const before = hub.bytesReceived
    await expect(upload(hub)).rejects.toThrow('fetch failed')
    expect(hub.bytesReceived - before).toBeGreaterThan(cutBodyAfterBytes)
    turn(false)
    expect(await download(hub)).toBeUndefined()
    await upload(hub)
    expect((await download(hub))?.equals(weights)).toBe(true)
  },
)

const isDownload = ({ host, method, path }: HubRequest) =>
  host === 'storage' && method === 'GET' && /^\/(?:lfs|cas\/xorbs)\//.test(path)

it.each(sampleOf(['basic', 'xet'] as const, 1))('a download by %s that breaks in its middle', async (transfer) => {
  const { hub, turn } = await faultyHub({ cutBodyAfterBytes: 1_000_000 }, isDownload, { transfer })
  await upload(hub)
  turn(true)
  await expect(download(hub)).rejects.toThrow('terminated')
  turn(false)
  expect((await download(hub))?.equals(weights)).toBe(true)
})

it('a slow body is whole in the end, and does not keep the hub from closing', async () => {
  const { hub, turn } = await faultyHub({ slowMs: 30 }, isDownload)
  await upload(hub)
  turn(true)
  expect((await download(hub))?.equals(weights)).toBe(true)
  const endless = await hubForTest({ before: () => ({ slowMs: 1_000_000 }) })
  const answer = await fetch(`${endless.url}/api/whoami-v2`)
  const reading = answer.text().catch(() => 'cut')
  await endless.close()
  expect(await reading).toBe('cut')
})

it('says what came', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  await upload(hub)
  expect(hub.requests.map(({ host, method, path }) => `${host} ${method} ${path.split('?')[0]!.slice(0, 30)}`)).toEqual(
    [
      'hub POST /api/repos/create',
      'hub POST /api/models/ns/model/preupload'.slice(0, 39),
      'hub POST /ns/model.git/info/lfs/objects',
      'storage PUT /lfs/models/ns/model/',
      'hub POST /api/models/ns/model/commit/ma',
    ].map((line, at) => (at === 3 ? expect.stringContaining(line) : line)),
  )
  expect(hub.bytesReceived).toBe(hub.requests.reduce((total, { bytesReceived }) => total + bytesReceived, 0))
  expect(hub.requests[3]!.bytesReceived).toBe(weights.length)
})
