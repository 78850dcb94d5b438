import {
  createRepo,
  datasetInfo,
  deleteRepo,
  downloadFile,
  type HubApiError,
  repoExists,
  uploadFile,
  whoAmI,
} from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub } from '../../src/testing/hub/index.js'
import { ask, common, hubFolder, hubForTest, repo, token } from './hub-fixture.js'

const write = (hub: Hub, more: object = {}) =>
  uploadFile({ ...common(hub), file: { path: 'file.txt', content: new Blob(['text']) }, ...more })
const read = async (hub: Hub, more: object = {}) =>
  (await downloadFile({ ...common(hub), path: 'file.txt', ...more }))?.text()
const statusOf = (work: Promise<unknown>) =>
  work.then(
    () => 200,
    (error: HubApiError) => error.statusCode,
  )

it('tells who is there, and what the token may', async () => {
  const tokens = [
    { token: 'hf_write', role: 'write' },
    { token: 'hf_read', role: 'read' },
    { token: 'hf_old', role: 'write', expired: true },
  ] as const
  const hub = await hubForTest({ tokens })
  const as = (accessToken: string | undefined) => ({ ...common(hub), accessToken })
  const { auth } = await whoAmI({ ...common(hub), accessToken: 'hf_read' })
  expect(auth.accessToken?.role).toBe('read')
  await createRepo({ ...common(hub), accessToken: 'hf_write' })
  expect(await statusOf(write(hub, as('hf_write')))).toBe(200)
  expect(await statusOf(write(hub, as('hf_read')))).toBe(403)
  expect(await statusOf(createRepo({ ...common(hub), repo: 'ns/other', accessToken: 'hf_read' }))).toBe(403)
  for (const wrong of ['hf_old', 'hf_unknown']) {
    expect(await statusOf(write(hub, as(wrong)))).toBe(401)
    expect(await statusOf(read(hub, as(wrong)))).toBe(401)
    expect(await statusOf(whoAmI({ ...common(hub), accessToken: wrong }))).toBe(401)
  }
  expect(await statusOf(write(hub, as(undefined)))).toBe(401)
  expect(await read(hub, as(undefined))).toBe('text')
})

it('a private repository is not there for who has no token', async () => {
  const hub = await hubForTest()
  await createRepo({ ...common(hub), visibility: 'private' })
  await write(hub)
  const stranger = { accessToken: undefined }
  await expect(read(hub, stranger)).rejects.toMatchObject({ statusCode: 401 })
  // Whether there is one is told to nobody who shows no token.
  const about = async (name: string) => {
    const { status, headers } = await fetch(`${hub.url}/api/models/${name}`)
    return [status, headers.get('x-error-code'), headers.get('x-error-message')]
  }
  expect(await about(repo)).toEqual([401, null, 'Invalid username or password.'])
  expect(await about('ns/none')).toEqual(await about(repo))
  expect(await read(hub)).toBe('text')
  await ask(hub, 'PUT', `/api/models/${repo}/settings`, { private: false })
  expect(await read(hub, stranger)).toBe('text')
})

const body = (tag: string) => ({
  tag,
  files: [],
  deletions: { sha: ['0'.repeat(64)] },
  name: 'model',
  organization: 'ns',
})

it.each([
  ['POST', '/api/repos/create'],
  ['DELETE', '/api/repos/delete'],
  ['POST', '/api/repos/move', { fromRepo: repo, toRepo: 'ns/new', type: 'model' }],
  ['PUT', `/api/models/${repo}/settings`],
  ['POST', `/api/models/${repo}/preupload/main`],
  ['POST', `/api/models/${repo}/commit/main`, '{"key":"header","value":{"summary":"a"}}'],
  ['POST', `/api/models/${repo}/branch/new`],
  ['DELETE', `/api/models/${repo}/branch/old`],
  ['POST', `/api/models/${repo}/tag/main`],
  ['DELETE', `/api/models/${repo}/tag/v0`],
  ['POST', `/api/models/${repo}/lfs-files/batch`],
  ['POST', `/${repo}.git/info/lfs/objects/batch`, { operation: 'upload', objects: [] }],
  ['GET', `/${repo}.git/info/refs?service=git-receive-pack`],
  ['POST', `/${repo}.git/git-receive-pack`],
])('%s %s needs a token that may write', async (method, path, given?: unknown) => {
  const tokens = [
    { token, role: 'write' },
    { token: 'hf_read', role: 'read' },
  ] as const
  const hub = await hubForTest({ tokens })
  await createRepo(common(hub))
  await ask(hub, 'POST', `/api/models/${repo}/branch/old`, {})
  await ask(hub, 'POST', `/api/models/${repo}/tag/main`, { tag: 'v0' })
  const state = async () => (await ask(hub, 'GET', `/api/models/${repo}/refs`)).json()
  const before = await state()
  const sent = method === 'GET' ? undefined : (given ?? body('v1'))
  const status = async (authorization: string) => (await ask(hub, method, path, sent, { authorization })).status
  const asGit = (password: string) => `Basic ${Buffer.from(`somebody:${password}`).toString('base64')}`
  expect([await status('Bearer hf_read'), await status(asGit('hf_read')), await status('')]).toEqual([403, 403, 401])
  expect([await status('Bearer hf_made_up'), await status(asGit('hf_made_up'))]).toEqual([401, 401])
  expect(await state()).toEqual(before)
})

it.each([
  ['GET', `/api/models/${repo}`],
  ['GET', `/api/models/${repo}/auth-check`],
  ['GET', `/api/models/${repo}/refs`],
  ['GET', `/api/models/${repo}/commits/main`],
  ['GET', `/api/models/${repo}/tree/main`],
  ['GET', `/api/models/${repo}/lfs-files`],
  ['GET', `/api/models/${repo}/xet-read-token/main`],
  ['POST', `/api/models/${repo}/paths-info/main`, { paths: ['file.txt'] }],
  ['GET', `/${repo}/resolve/main/file.txt`],
  ['GET', `/${repo}/raw/main/file.txt`],
  ['POST', `/${repo}.git/info/lfs/objects/batch`, { operation: 'download', objects: [] }],
])('%s %s of a private repository needs a token that may read', async (method, path, sent?: object) => {
  const hub = await hubForTest({
    tokens: [
      { token, role: 'write' },
      { token: 'hf_read', role: 'read' },
    ],
  })
  await createRepo({ ...common(hub), visibility: 'private' })
  await write(hub)
  const status = async (authorization: string) => (await ask(hub, method, path, sent, { authorization })).status
  expect([await status('Bearer hf_read'), await status(''), await status('Bearer hf_no')]).toEqual([200, 401, 401])
})

it('a later server on the same folder goes on from it', async () => {
  const folder = hubFolder()
  const first = await hubForTest({ folder })
  await createRepo({ ...common(first), visibility: 'private' })
  await write(first)
  await ask(first, 'POST', `/api/models/${repo}/tag/main`, { tag: 'v1', message: 'one' })
  await ask(first, 'POST', `/api/models/${repo}/branch/other`, {})
  await ask(first, 'POST', '/api/repos/move', { fromRepo: repo, toRepo: 'ns/new', type: 'model' })
  const state = async (hub: Hub) => [
    await (await ask(hub, 'GET', '/api/models/ns/new/refs')).json(),
    await (await ask(hub, 'GET', '/api/models/ns/new')).json(),
    (await ask(hub, 'GET', `/${repo}/resolve/v1/file.txt`)).status,
    await read(hub, { revision: 'v1' }),
    await statusOf(read(hub, { repo: 'ns/new', accessToken: undefined })),
  ]
  const before = await state(first)
  await first.close()
  const second = await hubForTest({ folder })
  expect(await state(second)).toEqual(before)
  expect(before.slice(2)).toEqual([307, 'text', 401])
})

it('a name is taken once in each kind, and is free again when it is deleted', async () => {
  const hub = await hubForTest()
  const made = { ...common(hub), license: 'mit', files: [{ path: 'a.txt', content: new Blob(['a']) }] }
  await createRepo(made)
  const taken = await createRepo(common(hub)).catch((error: HubApiError) => error)
  expect(taken).toMatchObject({ statusCode: 409, data: { url: `${hub.url}/${repo}` } })
  expect(await (await downloadFile({ ...common(hub), path: 'README.md' }))!.text()).toContain('license: "mit"')
  for (const kind of ['dataset', 'space'] as const) {
    const other = { ...common(hub), repo: { type: kind, name: repo } }
    await createRepo(other)
    await write(hub, other)
    expect(await read(hub, other)).toBe('text')
    expect(await read(hub, { ...other, revision: 'refs/heads/main' })).toBe('text')
  }
  expect((await datasetInfo({ ...common(hub), name: repo })).name).toBe(repo)
  await deleteRepo(common(hub))
  expect(await repoExists(common(hub))).toBe(false)
  expect(await repoExists({ ...common(hub), repo: { type: 'dataset', name: repo } })).toBe(true)
  await createRepo(common(hub))
  expect(await read(hub)).toBeUndefined()
  expect(await statusOf(createRepo({ ...common(hub), repo: 'ns/a..b' }))).toBe(400)
})

it('of many that create one name, one succeeds', async () => {
  const hub = await hubForTest()
  const tried = await Promise.all([1, 2, 3, 4].map(() => statusOf(createRepo(common(hub)))))
  expect(tried.toSorted()).toEqual([200, 409, 409, 409])
})

it('an old name leads to the new one, until somebody else takes it', async () => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  await write(hub)
  const move = (toRepo: string) => ask(hub, 'POST', '/api/repos/move', { fromRepo: repo, toRepo, type: 'model' })
  await createRepo({ ...common(hub), repo: 'ns/taken' })
  expect((await move('ns/taken')).status).toBe(409)
  expect((await move('other/name')).status).toBe(200)
  const { status, headers } = await ask(hub, 'GET', `/api/models/${repo}/refs?include_prs=1`)
  expect([status, headers.get('location')]).toEqual([307, '/api/models/other/name/refs?include_prs=1'])
  expect(await read(hub)).toBe('text')
  await write(hub)
  expect(await read(hub, { repo: 'other/name' })).toBe('text')
  await createRepo(common(hub))
  expect(await read(hub)).toBeUndefined()
})

const yaml = (text: string) => ({ content: `---\n${text}\n---\n` })

it.each<[status: number, method: string, path: string, body?: unknown, headers?: Record<string, string>]>([
  [400, 'GET', '/%zz/name'],
  [404, 'GET', '/ns'],
  [404, 'GET', '/api/nothing'],
  [404, 'GET', `/api/models/${repo}/nothing`],
  [404, 'GET', `/${repo}/resolve/main`],
  [404, 'PATCH', `/${repo}`],
  [401, 'GET', '/api/whoami-v2', undefined, { authorization: 'Bearer not_of_the_hub' }],
  [401, 'GET', '/api/whoami-v2', undefined, { authorization: '' }],
  [200, 'GET', `/api/models/${repo}?blobs=true`],
  [
    200,
    'POST',
    `/api/models/${repo}/paths-info/main`,
    'paths=a&paths=b',
    {
      'content-type': 'application/x-www-form-urlencoded',
    },
  ],
  [200, 'POST', '/api/validate-yaml', yaml('license: mit')],
  [200, 'POST', '/api/validate-yaml', { content: 'no head' }],
  [400, 'POST', '/api/validate-yaml', yaml('license: [')],
  [400, 'POST', '/api/validate-yaml', '[]'],
  [400, 'POST', '/api/repos/create', { name: 'a', type: 'bucket' }],
  [400, 'POST', '/api/repos/move', { fromRepo: repo, toRepo: 'a/b/c' }],
  [400, 'POST', `/api/models/${repo}/preupload/main`, { files: [{ path: 'a' }] }],
  [404, 'POST', `/api/models/${repo}/commit/none`, '{"key":"header","value":{"summary":"a"}}'],
  [501, 'POST', `/api/models/${repo}/commit/main?create_pr=1`, '{"key":"header","value":{"summary":"a"}}'],
  [403, 'GET', `/${repo}/info/refs?service=git-else`],
  [404, 'POST', `/${repo}.git/info/lfs/locks/verify`, {}],
])('says %d to %s %s %j', async (status, method, path, sent, headers = {}) => {
  const hub = await hubForTest()
  await createRepo(common(hub))
  expect((await ask(hub, method, path, sent, headers)).status).toBe(status)
})
