import { join } from 'node:path'
import { downloadFile, listFiles, uploadFiles } from '@huggingface/hub'
import { describe, expect, it } from 'vitest'
import type { Hub } from '../../src/testing/hub/index.js'
import { bytesLike, collect, common, hubFolder, hubForTest, repo } from '../testing/hub-fixture.js'
import { callPython, digestsOf, type Files, type PythonAnswer, readFolder, sha256, writeFolder } from './hub-python.js'

async function readHere(hub: Hub, revision: string): Promise<Files> {
  const entries = await collect(listFiles({ ...common(hub), revision, recursive: true }))
  const names = entries.filter(({ type, path }) => type === 'file' && path !== '.gitattributes').map(({ path }) => path)
  const read = async (path: string) => (await downloadFile({ ...common(hub), path, revision }))!.arrayBuffer()
  const files = await Promise.all(names.sort().map(async (path) => [path, Buffer.from(await read(path))] as const))
  return Object.fromEntries(files)
}

interface Commit {
  readonly commit_id: string
  readonly title: string
}

function named(answer: PythonAnswer | undefined, kind: 'branches' | 'tags'): Readonly<Record<string, string>> {
  const refs = answer!.value as Record<typeof kind, readonly { name: string; target_commit: string }[]>
  return Object.fromEntries(refs[kind].map(({ name, target_commit }) => [name, target_commit]))
}

/** Two parts and a rest, where large files are sent in parts. */
const weights = bytesLike(1, 11_000_000)
const files: Files = {
  'README.md': Buffer.from('---\nlicense: mit\n---\n# Hallo Welt\n'),
  'config.json': Buffer.from('{"layers": 2}'),
  'model.safetensors': weights,
  'nested/folder/ünï [1].bin': Buffer.concat([Buffer.alloc(200_000, 'again '), bytesLike(2, 50_000)]),
}
const changed: Files = { ...files, 'config.json': Buffer.from('{"layers": 3}'), 'new.onnx': bytesLike(3, 6_000_000) }

describe.each(['basic', 'multipart', 'xet'] as const)('huggingface_hub, large files by %s', (transfer) => {
  const as = { transfer }

  it('what it uploads is downloaded here, and the other way round', async () => {
    const hub = await hubForTest({ transfer })
    const folder = writeFolder(files)
    const uploaded = await callPython(
      hub,
      [
        ['create_repo', { repo_id: repo }],
        ['upload_folder', { repo_id: repo, folder_path: folder }],
        ['create_tag', { repo_id: repo, tag: 'v1', tag_message: 'the first' }],
        ['upload_folder', { repo_id: repo, folder_path: folder }],
        ['list_repo_commits', { repo_id: repo }],
      ],
      as,
    )
    expect(uploaded.map(({ error }) => error)).toEqual(uploaded.map(() => undefined))
    // The same again is no commit.
    const titles = (uploaded.at(-1)!.value as readonly Commit[]).map(({ title }) => title)
    expect(titles).toEqual(['Upload folder using huggingface_hub', 'initial commit'])
    expect(digestsOf(await readHere(hub, 'v1'))).toEqual(digestsOf(files))
    const sent = (path: RegExp) => hub.requests.filter((one) => one.host === 'storage' && path.test(one.path)).length
    const paths = { basic: /^\/lfs\/[^?]*[0-9a-f]{64}\?/, multipart: /\/parts\/3\?/, xet: /^\/cas\/v1\/xorbs\// }
    expect(sent(paths[transfer])).toBeGreaterThan(0)

    const content = Object.entries(changed).map(([path, bytes]) => ({
      path,
      content: new Blob([new Uint8Array(bytes)]),
    }))
    const ours = (await uploadFiles({ ...common(hub), files: content }))!.commit.oid
    const [now, then] = [hubFolder(), hubFolder()]
    const downloaded = await callPython(
      hub,
      [
        ['snapshot_download', { repo_id: repo, revision: ours, local_dir: now }],
        ['snapshot_download', { repo_id: repo, revision: 'v1', local_dir: then }],
        ['snapshot_download', { repo_id: repo }],
        ['get_paths_info', { repo_id: repo, paths: ['new.onnx', 'README.md', 'none'], expand: true }],
      ],
      as,
    )
    expect(downloaded.map(({ error }) => error)).toEqual(downloaded.map(() => undefined))
    expect(digestsOf(readFolder(now))).toEqual(digestsOf(changed))
    expect(digestsOf(readFolder(then))).toEqual(digestsOf(files))
    const infos = downloaded[3]!.value as { path: string; size: number; lfs: { sha256: string } | null }[]
    expect(infos.map(({ path, size, lfs }) => [path, size, lfs?.sha256])).toEqual([
      ['new.onnx', 6_000_000, sha256(changed['new.onnx']!)],
      ['README.md', files['README.md']!.length, undefined],
    ])
    const reads = hub.requests.filter(({ path }) => path.includes('/reconstructions/')).length
    expect(reads > 0).toBe(transfer === 'xet')
  })
})

it('what it asks besides is answered as the Hub does', async () => {
  const hub = await hubForTest()
  const large = join(writeFolder(files), 'model.safetensors')
  const add = (path_in_repo: string, path_or_fileobj: string) => ['add', { path_in_repo, path_or_fileobj }]
  const small = join(writeFolder(files), 'config.json')
  const commit = (parent_commit: string | undefined, ...operations: unknown[]) =>
    ['create_commit', { repo_id: repo, commit_message: 'a change', parent_commit, operations }] as const
  const ask = async (...calls: Parameters<typeof callPython>[1]) => callPython(hub, calls, { transfer: 'basic' })
  const one = { repo_id: repo }

  const [made, again, , head] = await ask(
    ['create_repo', { ...one, private: true }],
    ['create_repo', one],
    ['create_repo', { ...one, exist_ok: true }],
    commit(undefined, add('model.safetensors', large), add('config.json', small)),
  )
  expect(made!.error).toBeUndefined()
  expect(again).toEqual({ error: 'HfHubHTTPError', status: 409 })
  const parent = (head!.value as { oid: string }).oid

  const [moved, stale, copied] = await ask(
    commit(parent, ['delete', { path_in_repo: 'config.json' }]),
    commit(parent, add('late.json', small)),
    commit(undefined, ['copy', { src_path_in_repo: 'model.safetensors', path_in_repo: 'a/copy.safetensors' }]),
  )
  expect([moved!.error, stale]).toEqual([undefined, { error: 'HfHubHTTPError', status: 412 }])
  expect(copied!.error).toBeUndefined()
  expect(digestsOf(await readHere(hub, 'main'))).toEqual({
    'a/copy.safetensors': sha256(weights),
    'model.safetensors': sha256(weights),
  })

  const listed = await ask(
    ['create_tag', { ...one, tag: 'v1', revision: parent }],
    ['create_tag', { ...one, tag: 'v1' }],
    ['create_tag', { ...one, tag: 'v1', exist_ok: true }],
    ['create_branch', { ...one, branch: 'next', revision: 'v1' }],
    ['create_branch', { ...one, branch: 'next' }],
    ['list_repo_refs', one],
    ['list_repo_files', { ...one, revision: 'next' }],
    ['list_repo_tree', { ...one, recursive: true, expand: true }],
    ['list_repo_commits', one],
    ['repo_info', { ...one, files_metadata: true, revision: 'v1' }],
    ['file_exists', { ...one, filename: 'config.json' }],
    ['revision_exists', { ...one, revision: 'none' }],
    ['repo_exists', { repo_id: 'ns/none' }],
    ['auth_check', one],
    ['whoami', {}],
  )
  const [, taken, , , takenToo, refs, names, tree, commits, info, isFile, isRevision, isRepo, mayRead, who] = listed
  expect([taken, takenToo]).toEqual([409, 409].map((status) => ({ error: 'HfHubHTTPError', status })))
  const history = commits!.value as readonly Commit[]
  expect(named(refs, 'tags')).toEqual({ v1: parent })
  expect(named(refs, 'branches')).toMatchObject({ next: parent, main: history[0]!.commit_id })
  expect(names!.value).toEqual(['.gitattributes', 'config.json', 'model.safetensors'])
  expect(tree!.value).toContainEqual(expect.objectContaining({ path: 'a/copy.safetensors' }))
  expect(history.map(({ title }) => title)).toEqual([...Array(3).fill('a change'), 'initial commit'])
  expect(info!.value).toMatchObject({ sha: parent, private: true })
  expect([isFile!.value, isRevision!.value, isRepo!.value, mayRead!.error]).toEqual([false, false, false, undefined])
  expect(who!.value).toMatchObject({ auth: { accessToken: { role: 'write' } } })

  const stranger = await callPython(hub, [['repo_info', one]], { transfer: 'basic', as: false })
  // It takes a 401 for "not found" where the address begins with https.
  expect(stranger).toEqual([{ error: 'HfHubHTTPError', status: 401 }])

  const last = await ask(
    ['delete_tag', { ...one, tag: 'v1' }],
    ['delete_branch', { ...one, branch: 'next' }],
    ['list_repo_refs', one],
    ['delete_large_files', { ...one, filename: 'a/copy.safetensors' }],
    ['list_lfs_files', one],
    ['hf_hub_download', { ...one, filename: 'model.safetensors' }],
    ['delete_folder', { ...one, path_in_repo: 'a' }],
    ['update_repo_settings', { ...one, private: false }],
    ['move_repo', { from_id: repo, to_id: 'ns/new' }],
    ['list_repo_files', one],
    ['delete_repo', { repo_id: 'ns/new' }],
    ['repo_info', { repo_id: 'ns/new' }],
  )
  expect([named(last[2], 'tags'), Object.keys(named(last[2], 'branches'))]).toEqual([{}, ['main']])
  expect(last[3]!.value).toMatchObject([{ file_oid: sha256(weights), size: weights.length }])
  expect(last.slice(4).map(({ error, status, value }) => [error ?? value, status])).toEqual([
    [[], undefined],
    ['HfHubHTTPError', 404],
    [expect.anything(), undefined],
    [null, undefined],
    [null, undefined],
    [['.gitattributes', 'model.safetensors'], undefined],
    [null, undefined],
    ['RepositoryNotFoundError', 404],
  ])
})
