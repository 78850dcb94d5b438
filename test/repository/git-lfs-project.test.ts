// Projects whose data is in Git LFS: a pointer in the checkout stands for the same samples as the file.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, it } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { joinFeatures, sampleFiles, samplesOf, withFeatures } from '../../src/dataset/index.js'
import { compose } from '../../src/repository/compose.js'
import { openGit } from '../../src/repository/git/index.js'
import { importData, openRepository } from '../../src/repository/index.js'
import { gitLfs } from '../../src/repository/lfs/index.js'
import { rowsAtCommit } from '../../src/repository/rows-at-commit.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { git, temporaryFolder, write } from './harness.js'
import { type LfsServerOptions, pointerTo, startLfs } from './lfs-server.js'
import { project, sample } from './project.js'

const large = 'dataset/samples/all/others.jsonl'
const attributes = '*.jsonl filter=lfs diff=lfs merge=lfs -text\n'

const composed = (root: string) => compose({ root, shared: root, environment: process.env } as never, callContext())

/** A project whose large file is a pointer, and the server that has the file. */
async function pointing(options: LfsServerOptions = {}) {
  const made = await project()
  const content = readFileSync(`${made.root}/${large}`, 'utf8')
  const server = await startLfs([content], options)
  git(made.root, 'config', 'lfs.url', `${server.url}/ns/data.git/info/lfs`)
  made.put('.gitattributes', attributes)
  made.put(large, pointerTo(content))
  await made.commit('Large files')
  return { ...made, content, server }
}

const fingerprintOf = async (root: string, cache = false) => {
  const context = callContext({ clock: fixedClock(Date.now() + 60_000) })
  const { dataset } = await composed(root)
  const documents = cache ? { cache: directoryStore(`${root}/.sheikh`).documents } : {}
  return (await dataset.open({ ...context, ...documents })).summary.fingerprint
}

it('the identity is that of the file, in any order, with a cache that knows the other', async () => {
  const { root, put, content, server } = await pointing()
  const { root: whole } = await project()
  const expected = await fingerprintOf(whole)
  for (const cache of [false, true]) {
    for (const written of [pointerTo(content), content, pointerTo(content)]) {
      put(large, written)
      expect(await fingerprintOf(root, cache)).toBe(expected)
    }
  }
  // One question and one download.
  expect(server.asked.length).toBe(2)
  // A pointer to other content is other data, although the cache knows this path.
  const other = content.replace('apple', 'cherry')
  put(large, pointerTo(other))
  await expect(fingerprintOf(root, true)).rejects.toMatchObject({
    code: 'dataset-invalid',
    message: expect.stringMatching(/others\.jsonl.*it is a Git LFS pointer, and .*answered 404/s),
  })
})

it('large files of samples are downloaded at the same time', async () => {
  const { put, root } = await project()
  const lines = (name: string) =>
    Array.from({ length: 20_000 }, (_, index) => JSON.stringify({ ...sample(index), id: `${name}-${index}` })).join(
      '\n',
    )
  const contents = ['a', 'b', 'c'].map(lines)
  expect(contents[0]!.length).toBeGreaterThan(1024 * 1024)
  let [waiting, most] = [[] as (() => void)[], 0]
  const server = await startLfs(contents, {
    send: (bytes, _, response) => {
      waiting.push(() => response.end(bytes))
      most = Math.max(most, waiting.length)
      // Answers when all have asked.
      if (waiting.length < 3) return
      for (const answer of waiting) answer()
      waiting = []
    },
  })
  git(root, 'config', 'lfs.url', `${server.url}/ns/data.git/info/lfs`)
  for (const [index, content] of contents.entries()) put(`dataset/samples/all/large-${index}.jsonl`, pointerTo(content))
  const { dataset } = await composed(root)
  expect((await dataset.identities(callContext())).length).toBe(40 + 60_000)
  expect(most).toBe(3)
})

it('a run trains on the file', async () => {
  const { root, content } = await pointing()
  const { pipeline } = await openRepository(root).then((repository) => repository.load())
  const result = await pipeline.run()
  expect(result.status).toBe('released')
  const { dataset } = await composed(root)
  const rows: string[] = []
  const snapshot = await dataset.snapshot(callContext())
  for await (const { input } of snapshot.training) rows.push(input as string)
  for await (const { input } of snapshot.evaluation) rows.push(input as string)
  expect(rows.length).toBe(40)
  expect(rows.filter((text) => content.includes(JSON.stringify(text))).length).toBe(30)
})

it('rows, differences and samples of an earlier commit are those of the file', async () => {
  const { root, put, commit, content, repository } = await pointing()
  const first = (await repository.head())!.oid
  const context = callContext()
  const opened = await openGit(root, context)
  const now = await rowsAtCommit(opened, await composed(root), { commit: first, project: '' }, context)
  const { root: whole, repository: wholeRepository } = await project()
  const at = (await wholeRepository.head())!.oid
  const expected = await rowsAtCommit(
    await openGit(whole, context),
    await composed(whole),
    { commit: at, project: '' },
    context,
  )
  expect(now).toEqual(expected)
  const edited = content.replace(sample(20).text, 'edited')
  const server = await startLfs([edited])
  git(root, 'config', 'lfs.url', `${server.url}/x/info/lfs`)
  put(large, pointerTo(edited))
  const found = await (await openRepository(root)).diff()
  expect(found.problems).toEqual([])
  expect(found.data!.changed.map(({ id, fields }) => [id, fields])).toEqual([[sample(20).id, [{ field: 'text' }]]])
  await commit('Edit')
  const blame = await (await openRepository(root)).blame(sample(20).id)
  expect(blame.problems.filter(({ part }) => part === 'history')).toEqual([])
  expect(blame.events.map(({ change, path, position }) => [change, path, position])).toEqual([
    ['changed', large, 'line 11'],
    ['added', large, 'line 11'],
  ])
})

it('an import reads the samples of the project with the token of the environment', async () => {
  const authorization = `Basic ${Buffer.from('x-access-token:secret').toString('base64')}`
  const { root, put } = await pointing({ authorization })
  put('more.jsonl', `${JSON.stringify({ id: 'new', text: 'cherry tart', label: 'fruit' })}\n`)
  const environment = { ...process.env, SHEIKH_GIT_TOKEN: 'secret' }
  const { plan } = await importData(root, `${root}/more.jsonl`, { environment })
  expect(plan.problems).toEqual([])
  expect(plan.samples).toBe(1)
})

it('a history is incomplete without a file that is gone, and an error without the right to read it', async () => {
  const { root } = await pointing({ authorization: 'Basic none' })
  const blame = async () => (await openRepository(root)).blame(sample(20).id)
  await expect(blame()).rejects.toMatchObject({ code: 'access-denied' })
  const { url } = await startLfs([])
  git(root, 'config', 'lfs.url', `${url}/ns/data.git/info/lfs`)
  expect((await blame()).problems).toContainEqual(
    expect.objectContaining({ part: 'history', message: expect.stringMatching(/others\.jsonl could not be read/) }),
  )
})

/** A repository with pointers to these files, and a server that has them. */
async function pointersTo(files: Readonly<Record<string, string | Uint8Array>>) {
  const server = await startLfs(Object.values(files))
  const root = temporaryFolder()
  git(root, 'init', '-q')
  git(root, 'remote', 'add', 'origin', `${server.url}/ns/data`)
  for (const [path, content] of Object.entries(files)) write(root, path, pointerTo(content))
  return { root, server, largeFiles: gitLfs({ directory: root }) }
}

it('files of every format are read, and limits are checked before a download', async () => {
  const parquet = new Uint8Array(
    parquetWriteBuffer({ columnData: [{ name: 'id', data: ['p1', 'p2'] }], compressed: false } as never),
  )
  const files = {
    'a.json': '[{"id":"j1"},{"id":"j2"}]',
    'b.jsonl': '{"id":"l1"}\n{"id":"l2"}\n',
    'c.csv': 'id,text\nc1,x\nc2,y\n',
    'd.jsonl.gz': gzipSync('{"id":"g1"}\n'),
    'e.parquet': parquet,
    'f.json': '{"id":"small"}',
  }
  const { root, largeFiles, server } = await pointersTo(files)
  const context = callContext()
  const read = async (source: ReturnType<typeof sampleFiles>) => {
    const entries = await source.list(context)
    const samples = await Promise.all(entries.map((entry) => samplesOf(entry, context)))
    return samples.flat().map(({ value }) => (value as { id: string }).id)
  }
  const expected = ['j1', 'j2', 'l1', 'l2', 'c1', 'c2', 'g1', 'p1', 'p2', 'small']
  expect(await read(sampleFiles({ directory: root, largeFiles }))).toEqual(expected)
  const [, , table] = await sampleFiles({ directory: root, largeFiles }).list(context)
  expect(await table!.layout!(context)).toContain('2 columns')
  for (const pattern of Object.keys(files))
    await expect(read(sampleFiles({ directory: root, pattern }))).rejects.toMatchObject({ code: 'dataset-invalid' })
  const failure = new SheikhError('access-denied', 'No.')
  const [denied] = await sampleFiles({
    ...{ directory: root, pattern: 'c.csv' },
    largeFiles: () => Promise.reject(failure),
  }).list(context)
  await expect(denied!.layout!(context)).rejects.toBe(failure)
  const asked = server.asked.length
  for (const [path, content, message] of [
    ['a.json', pointerTo('x', 200_000_000), /to 200000000 bytes, but the maximum is 100000000/],
    ['b.jsonl', pointerTo('x', 2 ** 40), /but the maximum is/],
    ['c.csv', `${pointerTo('x')}ext-0-x sha256:1\n`, /damaged or has an extension/],
    ['e.parquet', pointerTo('x').replace(/size.*/, 'size many'), /damaged or has an extension/],
  ] as const) {
    write(root, path, content)
    await expect(read(sampleFiles({ directory: root, pattern: path, largeFiles }))).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringMatching(message),
    })
  }
  expect(server.asked.length).toBe(asked)
})

it('a file that is itself a pointer is an error, however deep', async () => {
  const inner = pointerTo('{"id":"a"}')
  const { root, largeFiles } = await pointersTo({ 'a.jsonl': inner })
  const [entry] = await sampleFiles({ directory: root, largeFiles }).list(callContext())
  await expect(samplesOf(entry!, callContext())).rejects.toThrow(/it is a Git LFS pointer, not the file itself/)
})

it('features come from files, and from a snapshot, of Git LFS', async () => {
  const rows = '{"user":"u1","at":"2024-01-01T00:00:00Z","age":7}\n'
  const view = { name: 'users', entities: { user: 'user' }, timestamp: 'at', features: { age: 'age' } }
  const join = { timestamp: 'time', views: [view] }
  const { root, largeFiles } = await pointersTo({ 'users.jsonl': rows })
  write(root, 'samples/a.jsonl', '{"id":"a","user":"u1","time":"2024-02-01T00:00:00Z"}\n')
  const source = sampleFiles(`${root}/samples`)
  const given = { ...join, views: [{ ...view, files: [`${root}/users.jsonl`] }] }
  await expect(joinFeatures(source, given)).rejects.toThrow(/Git LFS pointer/)
  const { text } = await joinFeatures(source, given, { largeFiles })
  const { root: other, largeFiles: ofOther } = await pointersTo({ 'features.jsonl': text })
  const snapshot = `${other}/features.jsonl`
  const joined = withFeatures(source, { snapshot, largeFiles: ofOther })
  const [entry] = await joined.list(callContext())
  expect((await samplesOf(entry!, callContext())).map(({ value }) => value)).toEqual([
    { id: 'a', user: 'u1', time: '2024-02-01T00:00:00Z', age: 7 },
  ])
  await expect(withFeatures(source, { snapshot }).list(callContext())).rejects.toThrow(/Git LFS pointer/)
})

it('a linked work tree uses its own .lfsconfig', async () => {
  const { root, put, commit } = await project({}, { pin: false })
  const content = readFileSync(`${root}/${large}`, 'utf8')
  const server = await startLfs([content])
  put(large, pointerTo(content))
  await commit('Large files')
  const linked = `${root}-linked`
  git(root, 'worktree', 'add', '-q', linked, '-b', 'other')
  write(linked, '.lfsconfig', `[lfs]\n\turl = ${server.url}/ns/data.git/info/lfs\n`)
  const rowsIn = async (folder: string) =>
    await (await openRepository(folder)).pinEvaluation({ share: 0.5, salt: 'x' }).catch((error) => error)
  expect(await rowsIn(root)).toMatchObject({ message: expect.stringMatching(/no remote/) })
  expect(await rowsIn(linked)).not.toBeInstanceOf(Error)
  expect(server.asked.length).toBe(2)
})

it('a pointer in the place of settings, a schema, a set or a prompt is an error that says how to fetch the file', async () => {
  const { root, put } = await project()
  const files = {
    'dataset/config.yaml': 'invalid-config',
    'mlops/pipeline.yaml': 'invalid-config',
    'dataset/schemas/sample.json': 'invalid-config',
    'dataset/evaluation.json': 'dataset-invalid',
    'dataset/quarantine.json': 'dataset-invalid',
    'prompts/inference/ask.txt': 'template-invalid',
  }
  for (const [path, code] of Object.entries(files)) {
    put(path, pointerTo('the file'))
    const run = openRepository(root).then(async (repository) => (await repository.pipeline()).run({ allowDirty: true }))
    const error = await run.catch((failed: unknown) => failed)
    expect([path, error]).toEqual([path, expect.any(SheikhError)])
    expect([path, (error as SheikhError).code]).toEqual([path, code])
    expect((error as SheikhError).message).toMatch(/Git LFS pointer.*git lfs pull/)
    git(root, 'checkout', '-q', 'HEAD', '--', '.')
    git(root, 'clean', '-q', '-fd', 'dataset')
  }
})
