import {
  commit,
  countCommits,
  createBranch,
  createRepo,
  deleteBranch,
  downloadFile,
  listCommits,
  listFiles,
  modelInfo,
} from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub } from '../../src/testing/hub/index.js'
import { ask, collect, common, hubForTest, repo } from './hub-fixture.js'

const api = `/api/models/${repo}`
const write = async (hub: Hub, text: string, more: object = {}) =>
  (await commit({
    ...common(hub),
    title: text,
    operations: [{ operation: 'addOrUpdate', path: 'file.txt', content: new Blob([text]) }],
    ...more,
  }))!.commit.oid
const read = async (hub: Hub, revision: string) =>
  (await downloadFile({ ...common(hub), path: 'file.txt', revision }))?.text()
const refs = async (hub: Hub) => {
  const found = (await (await ask(hub, 'GET', `${api}/refs`)).json()) as Record<
    'branches' | 'tags',
    { name: string; targetCommit: string }[]
  >
  const byName = (list: { name: string; targetCommit: string }[]) =>
    Object.fromEntries(list.map(({ name, targetCommit }) => [name, targetCommit]))
  return { branches: byName(found.branches), tags: byName(found.tags) }
}

async function filledHub() {
  const hub = await hubForTest()
  await createRepo(common(hub))
  return { hub, one: await write(hub, 'one') }
}

it('a parent that is not the head is a conflict, and changes nothing', async () => {
  const { hub, one } = await filledHub()
  const two = await write(hub, 'two', { parentCommit: one })
  await expect(write(hub, 'three', { parentCommit: one })).rejects.toMatchObject({ statusCode: 412 })
  expect((await refs(hub)).branches).toEqual({ main: two })
  expect(await read(hub, 'main')).toBe('two')
})

it('of many commits on one parent, one is made; without a parent, all are', async () => {
  const { hub, one } = await filledHub()
  const tried = await Promise.allSettled([1, 2, 3, 4].map((at) => write(hub, `${at}`, { parentCommit: one })))
  expect(tried.filter(({ status }) => status === 'fulfilled').length).toBe(1)
  await Promise.all([1, 2, 3, 4].map((at) => write(hub, `more ${at}`)))
  expect(await countCommits({ ...common(hub), revision: 'main' })).toBe(7)
})

it('branches begin where asked, are moved only when told to, and are deleted', async () => {
  const { hub, one } = await filledHub()
  const two = await write(hub, 'two')
  await createBranch({ ...common(hub), branch: 'old', revision: one })
  await createBranch({ ...common(hub), branch: 'feature/new' })
  await createBranch({ ...common(hub), branch: 'empty', empty: true })
  await expect(createBranch({ ...common(hub), branch: 'old' })).rejects.toMatchObject({ statusCode: 409 })
  await expect(createBranch({ ...common(hub), branch: 'old/er' })).rejects.toMatchObject({ statusCode: 409 })
  await expect(createBranch({ ...common(hub), branch: 'a..b' })).rejects.toMatchObject({ statusCode: 400 })
  await expect(createBranch({ ...common(hub), branch: 'b', revision: 'no' })).rejects.toMatchObject({ statusCode: 404 })
  expect([await read(hub, 'old'), await read(hub, 'feature/new'), await read(hub, one)]).toEqual(['one', 'two', 'one'])
  expect(await collect(listFiles({ ...common(hub), revision: 'empty' }))).toEqual([])
  await write(hub, 'three', { branch: 'feature/new' })
  expect([await read(hub, 'main'), await read(hub, 'feature/new')]).toEqual(['two', 'three'])
  await createBranch({ ...common(hub), branch: 'old', revision: 'main', overwrite: true })
  await deleteBranch({ ...common(hub), branch: 'feature/new' })
  await deleteBranch({ ...common(hub), branch: 'empty' })
  expect((await refs(hub)).branches).toEqual({ main: two, old: two })
  await expect(deleteBranch({ ...common(hub), branch: 'feature/new' })).rejects.toMatchObject({ statusCode: 404 })
  await expect(deleteBranch({ ...common(hub), branch: 'main' })).rejects.toMatchObject({ statusCode: 400 })
})

it('a tag is taken once, with a message or without, until it is deleted', async () => {
  const { hub, one } = await filledHub()
  const tag = async (name: string, at: string, more: object = {}) =>
    (await ask(hub, 'POST', `${api}/tag/${encodeURIComponent(at)}`, { tag: name, ...more })).status
  expect(await tag('v1', 'main')).toBe(200)
  expect(await tag('v1', 'main')).toBe(409)
  expect(await tag('project/v2', one, { message: 'the second' })).toBe(200)
  expect([await tag('', 'main'), await tag('a b', 'main'), await tag('v3', 'nowhere')]).toEqual([400, 400, 404])
  await write(hub, 'two')
  expect((await refs(hub)).tags).toEqual({ v1: one, 'project/v2': one })
  expect([await read(hub, 'v1'), await read(hub, 'project/v2')]).toEqual(['one', 'one'])
  const race = await Promise.all([1, 2, 3].map(() => tag('race', 'main')))
  expect(race.toSorted()).toEqual([200, 409, 409])
  expect((await ask(hub, 'DELETE', `${api}/tag/${encodeURIComponent('project/v2')}`)).status).toBe(200)
  expect((await ask(hub, 'DELETE', `${api}/tag/${encodeURIComponent('project/v2')}`)).status).toBe(404)
  expect(await tag('project/v2', 'main')).toBe(200)
})

it('commits are listed from the newest, page by page', async () => {
  const { hub } = await filledHub()
  await write(hub, 'two', { description: 'more\nof it' })
  await write(hub, 'three')
  const found = await collect(listCommits({ ...common(hub), revision: 'main', batchSize: 2 }))
  expect(found.map(({ title, message }) => [title, message])).toEqual([
    ['three', ''],
    ['two', 'more\nof it'],
    ['one', ''],
    ['initial commit', ''],
  ])
})

it('what is not there is told apart', async () => {
  const { hub, one } = await filledHub()
  const code = async (path: string) => {
    const answer = await ask(hub, 'GET', path)
    return [answer.status, answer.headers.get('x-error-code')]
  }
  expect(await code(`/${repo}/resolve/main/none.txt`)).toEqual([404, 'EntryNotFound'])
  expect(await code(`/${repo}/resolve/main/file.txt/below`)).toEqual([404, 'EntryNotFound'])
  expect(await code(`/${repo}/resolve/none/file.txt`)).toEqual([404, 'RevisionNotFound'])
  expect(await code(`/${repo}/resolve/${'0'.repeat(40)}/file.txt`)).toEqual([404, 'RevisionNotFound'])
  expect(await code('/ns/none/resolve/main/file.txt')).toEqual([404, 'RepoNotFound'])
  expect(await code('/../../etc/resolve/main/passwd')).toEqual([404, 'RepoNotFound'])
  expect(await code('/api/models/..%2f..%2fx/y')).toEqual([404, 'RepoNotFound'])
  expect(await code(`${api}/tree/main/none`)).toEqual([404, 'EntryNotFound'])
  expect((await modelInfo({ ...common(hub), name: repo, revision: one, additionalFields: ['sha'] })).sha).toBe(one)
})

it('a file is given in parts', async () => {
  const { hub, one } = await filledHub()
  const get = async (range: string, more: Record<string, string> = {}) => {
    const answer = await ask(hub, 'GET', `/${repo}/resolve/main/file.txt`, undefined, { range, ...more })
    return [answer.status, answer.headers.get('content-range'), await answer.text()]
  }
  expect(await get('bytes=0-0')).toEqual([206, 'bytes 0-0/3', 'o'])
  expect(await get('bytes=1-')).toEqual([206, 'bytes 1-2/3', 'ne'])
  expect(await get('bytes=-2')).toEqual([206, 'bytes 1-2/3', 'ne'])
  expect(await get('bytes=1-999')).toEqual([206, 'bytes 1-2/3', 'ne'])
  expect(await get('bytes=3-4')).toEqual([416, 'bytes */3', ''])
  expect(await get('bytes=2-1')).toEqual([200, null, 'one'])
  expect(await get('bytes=0-0', { 'if-range': '"changed"' })).toEqual([200, null, 'one'])
  const head = await ask(hub, 'HEAD', `/${repo}/resolve/main/file.txt`)
  expect([head.status, head.headers.get('content-length'), head.headers.get('x-repo-commit')]).toEqual([200, '3', one])
  expect(head.headers.get('etag')).toMatch(/^"[0-9a-f]{40}"$/)
})
