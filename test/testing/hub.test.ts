import { createHash } from 'node:crypto'
import { commit, createRepo, deleteFile, downloadFile, listFiles, pathsInfo, uploadFiles } from '@huggingface/hub'
import { describe, expect, it } from 'vitest'
import type { Hub } from '../../src/testing/hub/index.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'
import { ask, bytesLike, collect, common, hubFolder, hubForTest, repo, token } from './hub-fixture.js'

// A part that repeats, so that xet compresses it, between parts that do not.
const weights = Buffer.concat([bytesLike(1, 900_000), Buffer.alloc(700_000, 'weights '), bytesLike(2, 745_678)])
// Slowly changing numbers are compressed best when every first byte of four stands together.
const floats = Buffer.from(Float32Array.from({ length: 300_000 }, (_, at) => 1 + at / 300_000).buffer)
const files = [
  { path: 'README.md', content: new Blob(['# Hallo\u2028Welt']) },
  { path: 'nested/folder/model.safetensors', content: new Blob([weights]) },
  { path: 'odd [name] é.dat', content: new Blob([floats]) },
]
const upload = async (hub: Hub) => (await uploadFiles({ ...common(hub), files }))!.commit.oid
const list = async (hub: Hub, more: object = {}) =>
  (await collect(listFiles({ ...common(hub), recursive: true, ...more }))).map(({ path }) => path)

describe.each(sampleOf(['xet', 'basic', 'multipart'] as const, 1))('large files by %s', (transfer) => {
  it('are downloaded as they were uploaded, whole and in parts, from a later server too', async () => {
    const folder = hubFolder()
    const first = await hubForTest({ folder, transfer, chunkSizeBytes: 1_000_000 })
    await createRepo(common(first))
    const revision = await upload(first)
    await first.close()
    const hub = await hubForTest({ folder, transfer })
    const paths = [
      ['nested/folder/model.safetensors', weights],
      ['odd [name] é.dat', floats],
    ] as const
    for (const [path, due] of paths)
      for (const xet of [true, false]) {
        const found = (await downloadFile({ ...common(hub), path: encodeURI(path), revision, xet }))!
        expect(found.size).toBe(due.length)
        expect(Buffer.from(await found.arrayBuffer()).equals(due)).toBe(true)
        const part = await found.slice(850_000, 1_190_001).arrayBuffer()
        expect(Buffer.from(part).equals(due.subarray(850_000, 1_190_001))).toBe(true)
      }
    expect(hub.requests.some(({ path }) => path.startsWith('/cas/v2/reconstructions/'))).toBe(transfer === 'xet')
    const raw = await downloadFile({ ...common(hub), path: 'nested/folder/model.safetensors', raw: true })
    expect(await raw!.text()).toContain(`size ${weights.length}\n`)
  })

  itInFull('are not sent again', async () => {
    const hub = await hubForTest({ transfer })
    await createRepo(common(hub))
    await upload(hub)
    const before = hub.bytesReceived
    await upload(hub)
    expect(hub.bytesReceived - before).toBeLessThan(10_000)
  })
})

it('an object that is not what it is called is refused, and not kept', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  const [oid, sizeBytes] = ['ab'.repeat(32), 3]
  const objects = [{ oid, size: sizeBytes }]
  const batch = async () => {
    const answer = await ask(hub, 'POST', `/${repo}.git/info/lfs/objects/batch`, { operation: 'upload', objects })
    return ((await answer.json()) as { objects: { actions?: { upload: { href: string } } }[] }).objects[0]?.actions
      ?.upload.href
  }
  const href = (await batch())!
  expect((await fetch(href, { method: 'PUT', body: 'abc' })).status).toBe(400)
  expect((await fetch(href.replace(/.$/, '_'), { method: 'PUT', body: 'abc' })).status).toBe(403)
  // It is asked for again.
  expect(await batch()).toContain(oid)
  const pointer = { key: 'lfsFile', value: { path: 'model.bin', algo: 'sha256', oid, size: sizeBytes } }
  const lines = [{ key: 'header', value: { summary: 'a' } }, pointer].map((line) => JSON.stringify(line)).join('\n')
  const answer = await ask(hub, 'POST', `/api/models/${repo}/commit/main`, lines)
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('model.bin')])
})

it('paths that no attribute keeps out of Git get a line of their own', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  await upload(hub)
  const attributes = await (await downloadFile({ ...common(hub), path: '.gitattributes' }))!.text()
  expect(attributes).toMatch(/\nodd\[\[:space:\]\]\\\[name\\\]\[\[:space:\]\]é\.dat filter=lfs/)
  expect(attributes).not.toContain('nested')
  await upload(hub)
  expect(await (await downloadFile({ ...common(hub), path: '.gitattributes' }))!.text()).toBe(attributes)
})

it('says before an upload which files are large, and what is there', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  await upload(hub)
  const modes = async (asked: readonly { path: string; size: number; sample?: string }[], more: object = {}) => {
    const answer = await ask(hub, 'POST', `/api/models/${repo}/preupload/main`, { files: asked, ...more })
    const { files: told } = (await answer.json()) as { files: { uploadMode: string; oid?: string }[] }
    return told.map(({ uploadMode, oid }) => (oid === undefined ? uploadMode : [uploadMode, oid.length]))
  }
  const zero = Buffer.alloc(9).toString('base64')
  expect(
    await modes([
      { path: 'a/b.safetensors', size: 1 },
      { path: 'saved_model/1/x', size: 1 },
      { path: 'a.json', size: 4_000_000 },
      { path: 'b.json', size: 11_000_000 },
      { path: 'c.dat', size: 2_000_000, sample: zero },
      { path: 'd.dat', size: 2000, sample: zero },
      { path: 'README.md', size: 5 },
      { path: 'nested/folder/model.safetensors', size: 5 },
    ]),
  ).toEqual(['lfs', 'lfs', 'regular', 'lfs', 'lfs', 'regular', ['regular', 40], ['lfs', 64]])
  const gitAttributes = '*.txt filter=lfs\nsmall.txt -filter\n/top.md filter=lfs\n'
  const own = ['a.txt', 'small.txt', 'top.md', 'a/top.md'].map((path) => ({ path, size: 1 }))
  expect(await modes(own, { gitAttributes })).toEqual(['lfs', 'regular', 'lfs', 'regular'])
})

it('commits files, deletes them and folders, and lists what is left', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  await upload(hub)
  expect(await list(hub)).toEqual([
    '.gitattributes',
    'README.md',
    'nested',
    'nested/folder',
    'nested/folder/model.safetensors',
    'odd [name] é.dat',
  ])
  expect(await list(hub, { path: 'nested' })).toEqual(['nested/folder', 'nested/folder/model.safetensors'])
  const [info] = await pathsInfo({ ...common(hub), paths: ['nested/folder/model.safetensors', 'none'], expand: true })
  expect(info).toMatchObject({
    size: weights.length,
    lfs: { size: weights.length },
    lastCommit: { title: 'Add 3 files' },
  })
  await deleteFile({ ...common(hub), path: 'nested/folder/model.safetensors' })
  expect(await list(hub)).toEqual(['.gitattributes', 'README.md', 'odd [name] é.dat'])
  await commit({
    ...common(hub),
    title: 'both',
    operations: ['a/1', 'a/2', 'b'].map((path) => ({ operation: 'addOrUpdate', path, content: new Blob([path]) })),
  })
  const lines = [
    { key: 'header', value: { summary: 'folder' } },
    { key: 'deletedFolder', value: { path: 'a/' } },
    { key: 'file', value: { path: 'a/3', content: 'three' } },
  ]
  const sent = lines.map((line) => JSON.stringify(line)).join('\n')
  expect((await ask(hub, 'POST', `/api/models/${repo}/commit/main`, sent)).status).toBe(200)
  expect(await list(hub, { path: 'a' })).toEqual(['a/3'])
  await expect(deleteFile({ ...common(hub), path: 'never' })).rejects.toMatchObject({ statusCode: 404 })
})

itInFull('lists a large folder page by page', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  const operations = Array.from({ length: 1100 }, (_, at) => ({
    operation: 'addOrUpdate' as const,
    path: `many/${at}.txt`,
    content: new Blob([`${at}`]),
  }))
  await commit({ ...common(hub), title: 'many', operations })
  expect(new Set(await list(hub)).size).toBe(1102)
  expect(hub.requests.filter(({ path }) => path.includes('cursor=')).length).toBe(1)
})

it.each(['../up', '/top', 'a//b', '.git/config', 'a/.GIT/hooks/x', 'a\\b', ''])('refuses the path %j', async (path) => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  const lines = [
    { key: 'header', value: { summary: 'a' } },
    { key: 'file', value: { path, content: '' } },
  ]
  const sent = lines.map((line) => JSON.stringify(line)).join('\n')
  expect((await ask(hub, 'POST', `/api/models/${repo}/commit/main`, sent)).status).toBe(400)
})

it('refuses a commit without a summary, and a file of more than 10 MiB', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  const send = async (...lines: object[]) => {
    const sent = lines.map((line) => JSON.stringify(line)).join('\n')
    return (await ask(hub, 'POST', `/api/models/${repo}/commit/main`, sent)).status
  }
  const content = Buffer.alloc(10 * 2 ** 20 + 1).toString('base64')
  const large = { key: 'file', value: { path: 'a', content, encoding: 'base64' } }
  expect(await send({ key: 'header', value: {} })).toBe(400)
  expect(await send({ key: 'header', value: { summary: 'a' } }, large)).toBe(400)
  expect(await send({ key: 'header', value: { summary: 'a' } }, { key: 'rename', value: { path: 'a' } })).toBe(400)
  expect((await ask(hub, 'POST', `/api/models/${repo}/commit/main`, 'not JSON')).status).toBe(400)
})

describe.each(sampleOf(['xet', 'basic'] as const, 1))(
  'large files that are deleted for good, sent by %s',
  (transfer) => {
    const content = bytesLike(3, 20_000)
    const oid = createHash('sha256').update(content).digest('hex')
    const file = { path: 'model.safetensors', content: new Blob([content]) }
    const send = (hub: Hub, name: string) => uploadFiles({ ...common(hub), repo: name, files: [file] })
    const status = async (hub: Hub, name: string) => {
      const headers = { authorization: `Bearer ${token}`, accept: 'application/vnd.xet-fileinfo+json, */*' }
      return (await fetch(`${hub.url}/${name}/resolve/main/${file.path}`, { headers })).status
    }
    const remove = async (hub: Hub, deletions: object) =>
      (await ask(hub, 'POST', `/api/models/${repo}/lfs-files/batch`, { deletions })).status

    it('are gone for readers; their pointers stay, and so does what another repository has', async () => {
      const hub = await hubForTest({ transfer })
      for (const name of [repo, 'ns/other']) {
        await createRepo({ ...common(hub), repo: name })
        await send(hub, name)
      }
      const held = async () => {
        const found = await (await ask(hub, 'GET', `/api/models/${repo}/lfs-files`)).json()
        return (found as { pushedAt: string }[]).map(({ pushedAt, ...rest }) => ({
          ...rest,
          at: Date.parse(pushedAt) > 0,
        }))
      }
      const due = { fileOid: oid, oid, filename: file.path, size: content.length, ref: 'refs/heads/main', at: true }
      expect(await held()).toEqual([due])
      expect(await remove(hub, { sha: [oid, '0'.repeat(64)], rewriteHistory: false })).toBe(200)
      expect(await remove(hub, { sha: [oid] })).toBe(200)
      expect(await held()).toEqual([])
      expect([await status(hub, repo), await status(hub, 'ns/other')]).toEqual([404, 200])
      expect(await (await ask(hub, 'GET', `/${repo}/raw/main/${file.path}`)).text()).toContain(oid)
      await send(hub, repo)
      expect([await held(), await status(hub, repo)]).toEqual([[due], 200])
    })

    it('need a list and a write token', async () => {
      const tokens = [
        { token, role: 'write' },
        { token: 'hf_read', role: 'read' },
      ] as const
      const hub = await hubForTest({ transfer, tokens })
      await createRepo(common(hub))
      await send(hub, repo)
      expect(await remove(hub, { sha: [] })).toBe(400)
      expect(await remove(hub, { sha: Array(1001).fill(oid) })).toBe(400)
      expect(await remove(hub, { sha: [oid], rewriteHistory: true })).toBe(501)
      const body = { deletions: { sha: [oid] } }
      const as = { authorization: 'Bearer hf_read' }
      expect((await ask(hub, 'POST', `/api/models/${repo}/lfs-files/batch`, body, as)).status).toBe(403)
      expect(await status(hub, repo)).toBe(200)
    })
  },
)
