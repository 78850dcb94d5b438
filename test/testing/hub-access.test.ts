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
import { ask, common, hubForTest, repo } from './hub-fixture.js'

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
  await expect(read(hub, stranger)).rejects.toMatchObject({ statusCode: 404 })
  const answer = await fetch(`${hub.url}/api/models/${repo}`)
  expect(answer.headers.get('x-error-code')).toBe('RepoNotFound')
  expect(await read(hub)).toBe('text')
  await ask(hub, 'PUT', `/api/models/${repo}/settings`, { private: false })
  expect(await read(hub, stranger)).toBe('text')
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
  expect([status, headers.get('location')]).toEqual([307, `${hub.url}/api/models/other/name/refs?include_prs=1`])
  expect(await read(hub)).toBe('text')
  await write(hub)
  expect(await read(hub, { repo: 'other/name' })).toBe('text')
  await createRepo(common(hub))
  expect(await read(hub)).toBeUndefined()
})
