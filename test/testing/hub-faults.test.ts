import { createRepo, downloadFile, uploadFile } from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub, HubFault, HubRequest } from '../../src/testing/hub/index.js'
import { bytesLike, common, hubForTest } from './hub-fixture.js'

const weights = bytesLike(3, 2_000_000)
const upload = (hub: Hub) => uploadFile({ ...common(hub), file: { path: 'model.bin', content: new Blob([weights]) } })
const download = async (hub: Hub) => {
  const found = await downloadFile({ ...common(hub), path: 'model.bin' })
  return found === null ? undefined : Buffer.from(await found.arrayBuffer())
}

/** A hub that has a file, and from now on the fault at these requests. */
async function faultyHub(fault: HubFault | undefined, at: (request: HubRequest) => boolean, isAfter = false) {
  let isOn = false
  const hub = await hubForTest({
    before: (request) => (isOn && !isAfter && at(request) ? fault : undefined),
    after: (request) => (isOn && isAfter && at(request) ? 'cut' : undefined),
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

it('a connection that breaks before: nothing is done', async () => {
  const { hub, turn } = await faultyHub('cut', ({ path }) => path.includes('/commit/'))
  turn(true)
  await expect(upload(hub)).rejects.toThrow('fetch failed')
  turn(false)
  expect(await download(hub)).toBeUndefined()
})

it('an answer that is lost: all is done', async () => {
  const { hub, turn } = await faultyHub(undefined, ({ path }) => path.includes('/commit/'), true)
  turn(true)
  await expect(upload(hub)).rejects.toThrow('fetch failed')
  turn(false)
  expect((await download(hub))?.equals(weights)).toBe(true)
})

it('an upload that breaks in its middle leaves nothing, and can be done again', async () => {
  const { hub, turn } = await faultyHub({ cutBodyAfterBytes: 1_000_000 }, ({ method }) => method === 'PUT')
  turn(true)
  const before = hub.bytesReceived
  await expect(upload(hub)).rejects.toThrow()
  expect(hub.bytesReceived - before).toBeGreaterThan(1_000_000)
  turn(false)
  await upload(hub)
  expect((await download(hub))?.equals(weights)).toBe(true)
})

it('a download that breaks in its middle', async () => {
  const isDownload = ({ host, method }: HubRequest) => host === 'storage' && method === 'GET'
  const { hub, turn } = await faultyHub({ cutBodyAfterBytes: 1_000_000 }, isDownload)
  await upload(hub)
  turn(true)
  await expect(download(hub)).rejects.toThrow()
  turn(false)
  expect((await download(hub))?.equals(weights)).toBe(true)
})

it('a slow body is whole in the end, and does not keep the hub from closing', async () => {
  const isDownload = ({ host, method }: HubRequest) => host === 'storage' && method === 'GET'
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
  const { hub } = await faultyHub(undefined, () => false)
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
