// Files of Git LFS, in real repositories and from a real server on 127.0.0.1.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { callContext } from '../../src/core/index.js'
import type { FileTransfer } from '../../src/repository/index.js'
import { gitLfs } from '../../src/repository/lfs/index.js'
import { mayLead } from '../../src/repository/lfs/lfs-request.js'
import { lfsTransfers } from '../../src/repository/lfs/lfs-transfers.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { git, temporaryFolder, write } from './harness.js'
import { type LfsServerOptions, oidOf, startLfs, startServer } from './lfs-server.js'

const context = callContext()
const content = Buffer.from('{"id":"a","text":"large","label":"x"}\n'.repeat(3000))
const file = { oid: oidOf(content), sizeBytes: content.length, path: 'dataset/large.jsonl' }
const retry = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2 }
const objectPath = (folder: string, oid = file.oid) =>
  join(folder, 'lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid)

function repository(settings: Readonly<Record<string, string>> = {}): string {
  const root = temporaryFolder()
  git(root, 'init', '-q', '-b', 'main')
  for (const [key, value] of Object.entries(settings)) git(root, 'config', key, value)
  return root
}

function put(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

/** A clone of a repository on a server of Git LFS. */
async function cloned(options: LfsServerOptions = {}) {
  const server = await startLfs([content], options)
  const root = repository({ 'remote.origin.url': `${server.url}/ns/data` })
  return { server, root, fetchFile: (one = file) => gitLfs({ directory: root, retry })(one, context) }
}

/** What is left of attempts. */
const leftovers = (root: string) =>
  existsSync(join(root, '.git/lfs/tmp')) ? readdirSync(join(root, '.git/lfs/tmp')) : []

it('a file comes from the server once, and from the store of the clone afterwards', async () => {
  const { server, root, fetchFile } = await cloned()
  const path = await fetchFile()
  expect(path).toBe(objectPath(join(root, '.git')))
  expect(readFileSync(path).equals(content)).toBe(true)
  expect(server.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /ns/data.git/info/lfs/objects/batch',
    `GET /objects/${file.oid}`,
  ])
  const { headers, body } = server.asked[0]!
  expect(headers).toMatchObject({
    accept: 'application/vnd.git-lfs+json',
    'content-type': 'application/vnd.git-lfs+json',
  })
  expect(JSON.parse(body)).toEqual({
    operation: 'download',
    transfers: ['basic'],
    ref: { name: 'refs/heads/main' },
    objects: [{ oid: file.oid, size: file.sizeBytes }],
    hash_algo: 'sha256',
  })
  expect(await fetchFile()).toBe(path)
  expect(server.asked.length).toBe(2)
  expect(leftovers(root)).toEqual([])
})

it('files that are wanted together are asked for together', async () => {
  const others = Array.from({ length: 250 }, (_, index) => `content ${index}`)
  const server = await startLfs(others)
  const root = repository({ 'remote.origin.url': `${server.url}/ns/data.git/` })
  const fetchFile = gitLfs({ directory: root })
  const paths = await Promise.all(
    [...others, others[0]!].map((text) => fetchFile({ oid: oidOf(text), sizeBytes: text.length, path: 'x' }, context)),
  )
  expect(paths.slice(0, 250).map((path) => readFileSync(path, 'utf8'))).toEqual(others)
  expect(paths[250]).toBe(paths[0])
  const batches = server.asked.filter(({ method }) => method === 'POST')
  const sizes = batches.map(({ body }) => JSON.parse(body).objects.length as number)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(250)
  expect(Math.max(...sizes)).toBe(100)
  expect(batches[0]!.path).toBe('/ns/data.git/info/lfs/objects/batch')
})

it('the store of a main work tree serves a linked one, and lfs.storage is honoured', async () => {
  const { root, fetchFile, server } = await cloned()
  write(root, 'a')
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'a')
  await fetchFile()
  const linked = join(temporaryFolder(), 'linked')
  git(root, 'worktree', 'add', '-q', linked, '-b', 'other')
  expect(await gitLfs({ directory: linked })(file, context)).toBe(objectPath(join(root, '.git')))
  expect(server.asked.length).toBe(2)
  const elsewhere = join(temporaryFolder(), 'elsewhere')
  for (const [storage, folder] of [
    [elsewhere, elsewhere],
    ['shared-lfs', join(root, '.git/shared-lfs')],
  ] as const) {
    git(root, 'config', 'lfs.storage', storage)
    const path = await fetchFile()
    expect(path).toBe(objectPath('.').replace('lfs', folder))
    expect(readFileSync(path).equals(content)).toBe(true)
  }
})

it('a damaged object of the store is fetched again', async () => {
  const { root, fetchFile } = await cloned()
  const path = objectPath(join(root, '.git'))
  for (const wrong of [content.subarray(1), Buffer.from(content).fill('x', 100, 101)]) {
    put(path, wrong)
    expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  }
})

it('an empty file needs no server', async () => {
  const path = await gitLfs({ directory: repository() })({ oid: oidOf(''), sizeBytes: 0, path: 'x' }, context)
  expect(statSync(path).size).toBe(0)
})

it('a remote in a folder gives its own objects', async () => {
  const source = repository()
  put(objectPath(join(source, '.git')), content)
  const bare = join(temporaryFolder(), 'bare.git')
  git(source, 'init', '-q', '--bare', bare)
  put(objectPath(bare), content)
  for (const url of [source, `file://${source}`, bare, `file://${bare}`]) {
    const root = repository({ 'remote.origin.url': url })
    expect(readFileSync(await gitLfs({ directory: root })(file, context)).equals(content)).toBe(true)
  }
  put(objectPath(bare), Buffer.from(content).fill('x', 100, 101))
  const fetchFile = gitLfs({ directory: repository({ 'remote.origin.url': bare }) })
  await expect(fetchFile(file, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  rmSync(objectPath(bare))
  await expect(fetchFile(file, context)).rejects.toMatchObject({
    code: 'not-found',
    message: `Cannot fetch the file "dataset/large.jsonl" from Git LFS: the remote does not have its object. Push it from a clone that has it: git lfs push --all <remote>.`,
  })
})

it('addresses are found in the order of git-lfs', async () => {
  const found = async (settings: Readonly<Record<string, string>>, lfsConfig = '') => {
    const root = repository(settings)
    if (lfsConfig !== '') write(root, '.lfsconfig', lfsConfig)
    let asked: string | undefined
    const fetch = async (url: string | URL | Request) => {
      asked = String(url)
      return new Response('{}', { status: 404 })
    }
    const fetched = gitLfs({ directory: root, fetch, retry })(file, context)
    const problem = await fetched.then(
      () => undefined,
      (error: Error) => error.message,
    )
    return asked?.replace('/objects/batch', '') ?? problem
  }
  const remote = { 'remote.origin.url': 'https://git.example/ns/data.git' }
  expect(await found(remote)).toBe('https://git.example/ns/data.git/info/lfs')
  expect(await found(remote, '[lfs]\n\turl = https://lfs.example/x/\n')).toBe('https://lfs.example/x')
  expect(await found(remote, '[remote "origin"]\n\tlfsurl = https://lfs.example/y\n')).toBe('https://lfs.example/y')
  const own = { ...remote, 'lfs.url': 'https://own.example/z' }
  expect(await found(own, '[lfs]\n\turl = https://lfs.example/x\n')).toBe('https://own.example/z')
  expect(await found({ ...remote, 'remote.origin.lfsurl': 'https://own.example/r' })).toBe('https://own.example/r')
  const tracked = { ...remote, 'branch.main.remote': 'up', 'remote.up.url': 'https://up.example/u' }
  expect(await found(tracked)).toBe('https://up.example/u.git/info/lfs')
  const only = { 'remote.big.store.url': 'https://big.example/o' }
  expect(await found(only)).toBe('https://big.example/o.git/info/lfs')
  expect(await found({ ...only, 'remote.other.url': 'https://other.example/o' })).toMatch(/no remote "origin"/)
  const preferred = { ...remote, 'remote.lfsdefault': 'big', 'remote.big.url': 'https://big.example/u' }
  expect(await found(preferred)).toBe('https://big.example/u.git/info/lfs')
  for (const url of [
    'git@github.com:ns/data.git',
    'ssh://git@github.com/ns/data',
    'ssh://git@github.com:22/ns/data.git',
  ])
    expect(await found({ 'remote.origin.url': url })).toBe('https://github.com/ns/data.git/info/lfs')
  expect(await found({ 'remote.origin.url': 'git@git.example:ns/data.git' })).toMatch(
    /reached by ssh \(git.example\).*run: git lfs pull; or set lfs\.url/,
  )
  expect(await found({ 'remote.origin.url': 'ext::sh -c x' })).toMatch(
    /no file can be fetched from an address with "ext:"/,
  )
  expect(await found({})).toMatch(/there is no remote "origin"/)
})

it('a folder is only taken from the settings of Git, and from this machine', async () => {
  const source = repository()
  put(objectPath(join(source, '.git')), content)
  const fetchFrom = (settings: Readonly<Record<string, string>>, committed?: string) => {
    const root = repository({ 'remote.origin.url': 'http://127.0.0.1:1/ns/data', ...settings })
    if (committed !== undefined) write(root, '.lfsconfig', `[lfs]\n\turl = ${JSON.stringify(committed)}\n`)
    return gitLfs({ directory: root, retry })(file, context)
  }
  expect(readFileSync(await fetchFrom({ 'lfs.url': source })).equals(content)).toBe(true)
  for (const address of [source, `file://${source}`, '../x', '.'])
    await expect(fetchFrom({}, address)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(
        /\.lfsconfig names ".*which is not the address of a server\. To trust this folder, run/,
      ),
    })
  for (const address of [
    'file://host/x',
    'file:///a%2Fb',
    'file://[',
    '\\\\evil\\share',
    '//evil/share',
    'file:////evil/x',
  ]) {
    const failure = { code: 'not-found', message: expect.stringMatching(/^Cannot fetch the file/) }
    await expect(fetchFrom({}, address)).rejects.toMatchObject(failure)
    await expect(fetchFrom({ 'remote.origin.url': address })).rejects.toMatchObject(failure)
    // The origin of the remote is compared with that of the endpoint.
    await expect(fetchFrom({ 'remote.origin.url': address }, 'http://127.0.0.1:1/ns/data')).rejects.toMatchObject({
      code: 'remote-failed',
    })
  }
})

it('an abort of one call does not end another, and corrected settings are read', async () => {
  const { root, server } = await cloned()
  const fetchFile = gitLfs({ directory: root, retry })
  const controller = new AbortController()
  const stopped = fetchFile(file, callContext({ signal: controller.signal }))
  const other = fetchFile(file, callContext({ signal: new AbortController().signal }))
  const reason = new Error('stop')
  controller.abort(reason)
  await expect(stopped).rejects.toBe(reason)
  expect(readFileSync(await other).equals(content)).toBe(true)
  const unset = repository()
  const fetchUnset = gitLfs({ directory: unset, retry })
  await expect(fetchUnset(file, context)).rejects.toMatchObject({ code: 'not-found' })
  git(unset, 'config', 'remote.origin.url', `${server.url}/ns/data`)
  expect(readFileSync(await fetchUnset(file, context)).equals(content)).toBe(true)
})

it('a pointer with another size or path has its own result', async () => {
  const { root } = await cloned()
  const fetchFile = gitLfs({ directory: root, retry })
  for (const sizes of [
    [5, file.sizeBytes, 7],
    [file.sizeBytes, 5, 7],
  ]) {
    rmSync(join(root, '.git/lfs'), { recursive: true, force: true })
    const fetched = sizes.map((sizeBytes) => fetchFile({ ...file, sizeBytes, path: `${sizeBytes}.jsonl` }, context))
    for (const [at, result] of (await Promise.allSettled(fetched)).entries())
      expect(result).toMatchObject(
        sizes[at] === file.sizeBytes
          ? { status: 'fulfilled' }
          : { reason: { code: expect.stringMatching(/corrupt|failed/), facts: { path: `${sizes[at]}.jsonl` } } },
      )
  }
  const missing = { oid: oidOf('missing'), sizeBytes: 7 }
  const paths = ['a.jsonl', '$&.jsonl', 'c.jsonl']
  const failed = await Promise.allSettled(paths.map((path) => fetchFile({ ...missing, path }, context)))
  for (const [at, path] of paths.entries())
    expect(failed[at]).toMatchObject({
      reason: { code: 'not-found', facts: { path }, message: expect.stringContaining(`the file "${path}" from`) },
    })
})

it('an object that was changed just now is hashed again, as a later change may not show', async ({ skip }) => {
  const counters = '/proc/self/io'
  if (!existsSync(counters)) skip('this system does not count the bytes that a process reads')
  const bytesRead = () => Number(/^rchar: (\d+)$/m.exec(readFileSync(counters, 'utf8'))![1])
  const { root } = await cloned()
  const fetchFile = gitLfs({ directory: root, retry })
  const path = await fetchFile(file, context)
  const still = callContext({ clock: fixedClock(statSync(path).ctimeMs) })
  await fetchFile(file, still)
  const before = bytesRead()
  await fetchFile(file, still)
  expect(bytesRead() - before).toBeGreaterThanOrEqual(content.length)
})

it('a token goes to the server of the remote, and to nobody else', async () => {
  const authorization = `Basic ${Buffer.from('x:secret').toString('base64')}`
  const credentials = () => ({ username: 'x', password: 'secret' })
  const server = await startLfs([content], { authorization })
  const remote = { 'remote.origin.url': `${server.url}/ns/data` }
  const path = await gitLfs({ directory: repository(remote), credentials })(file, context)
  expect(readFileSync(path).equals(content)).toBe(true)
  // The same server signs nothing, so it gets the same credential.
  expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([authorization, authorization])
  const named = repository({ 'remote.origin.url': `${server.url.replace('//', '//x:secret@')}/ns/data` })
  await gitLfs({ directory: named })(file, context)
  await expect(gitLfs({ directory: repository(remote) })(file, context)).rejects.toMatchObject({
    code: 'access-denied',
    message: expect.stringMatching(/answered 401. Set SHEIKH_GIT_TOKEN/),
  })
  // Whoever writes a commit chooses this address.
  const other = await startLfs([content])
  const root = repository(remote)
  write(root, '.lfsconfig', `[lfs]\n\turl = ${other.url}/ns/data.git/info/lfs\n`)
  await gitLfs({ directory: root, credentials })(file, context)
  expect(other.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
})

it('headers of an address go to that address only', async () => {
  const storage = await startServer((_, response) => response.end(content))
  const door = await startServer((_, response) => {
    response.writeHead(307, { location: `${storage.url}/signed` })
    response.end()
  })
  const action = () => ({
    href: `${door.url}/o`,
    header: { Authorization: 'Bearer one', 'X-Token': 'two', Range: 'bytes=1-' },
  })
  const { fetchFile, server } = await cloned({ action })
  expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  expect(door.asked[0]!.headers).toMatchObject({ authorization: 'Bearer one', 'x-token': 'two' })
  expect(storage.asked[0]!.headers).not.toHaveProperty('authorization')
  expect(storage.asked[0]!.headers).not.toHaveProperty('x-token')
  expect(storage.asked[0]!.headers['range']).toBe(`bytes=0-${content.length - 1}`)
  expect(server.asked.length).toBe(1)
  // The batch API of another server gets the question, and no credential.
  const moved = await startServer((_, response) => {
    response.writeHead(301, { location: `${server.url}/ns/data.git/info/lfs/objects/batch` })
    response.end()
  })
  const root = repository({ 'remote.origin.url': `${moved.url.replace('//', '//x:secret@')}/ns/data` })
  await gitLfs({ directory: root })(file, context)
  expect(moved.asked[0]!.headers).toHaveProperty('authorization')
  expect(server.asked[1]!.headers).not.toHaveProperty('authorization')
})

it('a download that breaks off continues, also without ranges', async () => {
  for (const hasRanges of [true, false]) {
    let attempts = 0
    const { fetchFile, server } = await cloned({
      send: (bytes, { headers }, response) => {
        attempts += 1
        const start = hasRanges ? Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0) : 0
        response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start })
        if (attempts > 2) response.end(bytes.subarray(start))
        else response.write(bytes.subarray(start, start + 20_000), () => setTimeout(() => response.destroy(), 20))
      },
    })
    expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
    expect(server.asked.length).toBe(4)
  }
})

/** A server whose first answers break off after 20,000 bytes, until `isWhole` is set. */
async function breaking(hasRanges = true) {
  const state = { isWhole: false }
  const made = await cloned({
    send: (bytes, { headers }, response) => {
      const start = hasRanges ? Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0) : 0
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start })
      if (state.isWhole) response.end(bytes.subarray(start))
      else if (start > 0) response.destroy()
      else response.write(bytes.subarray(start, start + 20_000), () => setTimeout(() => response.destroy(), 20))
    },
  })
  return { ...made, state, part: join(made.root, `.git/lfs/incomplete/${file.oid}.part`) }
}

it('a download that failed continues in the next one, by this library and without ranges too', async () => {
  for (const hasRanges of [true, false]) {
    const { fetchFile, server, state, part } = await breaking(hasRanges)
    await expect(fetchFile()).rejects.toMatchObject({ code: 'remote-failed', retryable: true })
    expect(readFileSync(part).equals(content.subarray(0, 20_000))).toBe(true)
    state.isWhole = true
    const asked = server.asked.length
    expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
    const gets = server.asked.slice(asked).filter(({ method }) => method === 'GET')
    expect(gets.map(({ headers }) => headers['range'])).toEqual([`bytes=20000-${content.length - 1}`])
    expect(existsSync(part)).toBe(false)
  }
})

it('what an earlier download left is not trusted', async () => {
  for (const left of [Buffer.alloc(20_000), Buffer.alloc(content.length), Buffer.alloc(content.length + 5), '']) {
    const { root, fetchFile } = await cloned({
      send: (bytes, { headers }, response) => {
        const start = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0)
        response.writeHead(start > 0 ? 206 : 200)
        response.end(bytes.subarray(start))
      },
    })
    put(join(root, `.git/lfs/incomplete/${file.oid}.part`), left)
    expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
    expect(leftovers(root)).toEqual([])
  }
})

it.each([400, 403, 416])('a server that refuses the rest with %i gives the whole', async (status) => {
  const { root, fetchFile } = await cloned({
    send: (bytes, { headers }, response) => {
      if (Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0) > 0) response.writeHead(status).end()
      else response.end(bytes)
    },
  })
  put(join(root, `.git/lfs/incomplete/${file.oid}.part`), content.subarray(0, 20_000))
  expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  expect(leftovers(root)).toEqual([])
})

it('an aborted download continues in the next one', async () => {
  const { root, state, part } = await breaking()
  const controller = new AbortController()
  const slow = gitLfs({ directory: root, retry: { ...retry, firstDelayMs: 60_000, longestDelayMs: 60_000 } })
  const onProgress = ({ receivedBytes }: { readonly receivedBytes: number }) => {
    if (receivedBytes > 0) controller.abort(new Error('stopped'))
  }
  const aborting = gitLfs({ directory: root, retry, onProgress })
  await expect(aborting(file, callContext({ signal: controller.signal }))).rejects.toThrow('stopped')
  expect(statSync(part).size).toBeGreaterThan(0)
  state.isWhole = true
  expect(readFileSync(await slow(file, context)).equals(content)).toBe(true)
})

it('four files are downloaded at a time, with their progress', async () => {
  const contents = Array.from({ length: 9 }, (_, index) => `${index}`.repeat(50_000))
  let [running, most] = [0, 0]
  const waiting: (() => void)[] = []
  const server = await startLfs(contents, {
    send: (bytes, _, response) => {
      running += 1
      most = Math.max(most, running)
      waiting.push(() => {
        running -= 1
        response.end(bytes)
      })
      // The last one comes alone.
      if (waiting.length === 4 || server.asked.filter(({ method }) => method === 'GET').length === 9)
        for (const answer of waiting.splice(0)) setTimeout(answer, 30)
    },
  })
  const root = repository({ 'remote.origin.url': `${server.url}/ns/data` })
  const received = new Map<string, number>()
  const transfers: FileTransfer[] = []
  const report = lfsTransfers((transfer) => transfers.push(transfer))
  const fetchFile = gitLfs({
    directory: root,
    retry,
    onProgress: (progress) => {
      report(progress)
      received.set(progress.path, progress.receivedBytes)
    },
  })
  const files = contents.map((text, index) => ({ oid: oidOf(text), sizeBytes: text.length, path: `${index}` }))
  const paths = await Promise.all(files.map((one) => fetchFile(one, context)))
  expect(paths.map((path) => readFileSync(path, 'utf8'))).toEqual(contents)
  expect(most).toBe(4)
  expect(Object.fromEntries(received)).toEqual(Object.fromEntries(files.map(({ path }) => [path, 50_000])))
  expect(transfers.at(-1)).toMatchObject({ direction: 'download', progress: 1 })
  expect(transfers.every(({ progress }) => progress >= 0 && progress <= 1)).toBe(true)
})

it('an address that is no longer valid is asked for again, once', async () => {
  let refused = 0
  const { fetchFile, server } = await cloned({
    send: (bytes, _, response) => {
      refused += 1
      if (refused === 1) response.writeHead(403).end()
      else response.end(bytes)
    },
  })
  expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  expect(server.asked.map(({ method }) => method)).toEqual(['POST', 'GET', 'POST', 'GET'])
})

const lies: Readonly<Record<string, readonly [options: LfsServerOptions, code: string, message: RegExp]>> = {
  'other bytes': [
    { send: (bytes, _, response) => response.end(Buffer.from(bytes).fill('x', 100, 101)) },
    'artifact-corrupt',
    /sent other bytes than the pointer names\. To fetch the file, run: git lfs pull\.$/,
  ],
  'fewer bytes': [
    { send: (bytes, _, response) => response.end(bytes.subarray(1)) },
    'artifact-corrupt|remote-failed',
    /sent other bytes|ended at byte/,
  ],
  'another size': [
    {
      batch: ({ objects }, response) =>
        !!response.end(JSON.stringify({ objects: objects.map(({ oid }) => ({ oid, size: 1 })) })),
    },
    'artifact-corrupt',
    /has 1 bytes of it, but the pointer says \d+/,
  ],
  'no such object': [
    {
      batch: ({ objects }, response) =>
        !!response.end(
          JSON.stringify({ objects: objects.map((one) => ({ ...one, error: { code: 404, message: 'gone' } })) }),
        ),
    },
    'not-found',
    /answered 404 \("gone"\) for it\. Push it from a clone/,
  ],
  'no right to the object': [
    {
      batch: ({ objects }, response) =>
        !!response.end(
          JSON.stringify({ objects: objects.map((one) => ({ ...one, error: { code: 403, message: 'no' } })) }),
        ),
    },
    'access-denied',
    /answered 403 \("no"\)/,
  ],
  'another object': [
    { batch: (_, response) => !!response.end(JSON.stringify({ objects: [{ oid: '0'.repeat(64), size: 1 }] })) },
    'remote-failed',
    /does not answer for it/,
  ],
  'no action': [
    { batch: ({ objects }, response) => !!response.end(JSON.stringify({ objects })) },
    'not-found',
    /offers no download/,
  ],
  'a long size': [
    {
      batch: ({ objects }, response) =>
        !!response.end(JSON.stringify({ objects: objects.map(({ oid }) => ({ oid, size: 'x'.repeat(100_000) })) })),
    },
    'artifact-corrupt',
    /^.{0,200}has "x{200}" bytes of it.{0,200}$/,
  ],
  'a long code': [
    {
      batch: ({ objects }, response) =>
        !!response.end(
          JSON.stringify({ objects: objects.map((one) => ({ ...one, error: { code: ['x'.repeat(100_000)] } })) }),
        ),
    },
    'remote-failed',
    /^.{0,200}answered \["x{200} for it.{0,200}$/,
  ],
  'a header that cannot be sent': [
    { action: (oid) => ({ href: `http://127.0.0.1:1/${oid}`, header: { 'a b': 'x' } }) },
    'artifact-corrupt',
    /gives a header for it that HTTP does not allow/,
  ],
  'a header with two lines': [
    { action: (oid) => ({ href: `http://127.0.0.1:1/${oid}`, header: { a: 'x\r\nb: c' } }) },
    'artifact-corrupt',
    /gives a header for it that HTTP does not allow/,
  ],
  'a redirect to no address': [
    { send: (_, __, response) => void response.writeHead(302, { location: 'http://[' }).end() },
    'remote-failed',
    /redirects to no usable address/,
  ],
  'an address of a file': [
    { action: () => ({ href: 'file:///etc/passwd' }) },
    'artifact-corrupt',
    /address with "file:"/,
  ],
  'no JSON': [{ batch: (_, response) => !!response.end('<html>') }, 'remote-failed', /is not JSON/],
  'no list': [{ batch: (_, response) => !!response.end('[]') }, 'remote-failed', /has no list of objects/],
  'another transfer': [
    { batch: (_, response) => !!response.end('{"transfer":"ssh","objects":[]}') },
    'remote-failed',
    /demands a transfer/,
  ],
  'a refused download': [
    { send: (_, __, response) => void response.writeHead(403).end() },
    'access-denied',
    /answered 403 to its download/,
  ],
  'a download that is gone': [
    { send: (_, __, response) => void response.writeHead(404).end() },
    'not-found',
    /answered 404/,
  ],
  'a redirect without end': [
    { send: (_, { path }, response) => void response.writeHead(302, { location: path }).end() },
    'remote-failed',
    /redirects more than 5 times/,
  ],
  'no such repository': [
    { batch: (_, response) => !!response.writeHead(404).end() },
    'not-found',
    /answered 404\. Correct lfs\.url/,
  ],
  'a question that it does not take': [
    { batch: (_, response) => !!response.writeHead(422).end() },
    'remote-failed',
    /answered 422/,
  ],
}
for (const [name, [options, code, message]] of Object.entries(lies))
  it(`is an error, and leaves nothing: ${name}`, async () => {
    const { root, fetchFile } = await cloned(options)
    const error = await fetchFile().catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: expect.stringMatching(`^(${code})$`), message: expect.stringMatching(message) })
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Cannot fetch the file "dataset\/large.jsonl" from Git LFS: /),
    })
    expect(existsSync(objectPath(join(root, '.git')))).toBe(false)
    expect(leftovers(root)).toEqual([])
  })

it.each([429, 503])('a busy server (%i) is asked again, and the error says so', async (status) => {
  let left = 2
  const busy = {
    batch: (_: unknown, response: import('node:http').ServerResponse) =>
      left-- > 0 ? !!response.writeHead(status).end() : false,
  }
  const { fetchFile } = await cloned(busy)
  expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  left = 1_000
  const { fetchFile: another } = await cloned(busy)
  await expect(another()).rejects.toMatchObject({
    code: 'remote-failed',
    retryable: true,
    message: expect.stringMatching(/Run again later\.$/),
  })
})

it('without a network the error may be tried again', async () => {
  const root = repository({ 'remote.origin.url': 'http://127.0.0.1:1/ns/data' })
  await expect(gitLfs({ directory: root, retry })(file, context)).rejects.toMatchObject({
    code: 'remote-failed',
    retryable: true,
  })
})

it('an abort ends the download with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('stop')
  const { root } = await cloned({
    send: (bytes, _, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 10))
      controller.abort(reason)
    },
  })
  const fetched = gitLfs({ directory: root, retry })(file, callContext({ signal: controller.signal }))
  await expect(fetched).rejects.toBe(reason)
  expect(leftovers(root)).toEqual([])
})

it.each([
  ['https://lfs.example', 'https://cdn.example/x', true],
  ['https://lfs.example', 'http://cdn.example/x', false],
  ['https://lfs.example', 'http://127.0.0.1/x', false],
  ['https://lfs.example', 'http://localhost/x', false],
  ['http://lfs.example', 'http://lfs.example/x', true],
  ['http://lfs.example', 'http://127.0.0.1/x', false],
  ['http://127.0.0.1:1', 'http://127.0.0.1:2/x', true],
  ['http://127.0.0.1:1', 'file:///etc/passwd', false],
])('whether %s may name %s: %s', async (from, to, expected) => {
  expect(mayLead(new URL(from), new URL(to))).toBe(expected)
  const asked: string[] = []
  const fetch = async (url: string | URL | Request) => {
    asked.push(String(url))
    if (asked.length > 1) return new Response(content)
    return Response.json({ objects: [{ oid: file.oid, size: file.sizeBytes, actions: { download: { href: to } } }] })
  }
  const root = repository({ 'remote.origin.url': from })
  const fetched = gitLfs({ directory: root, fetch, retry })(file, context)
  if (expected) expect(readFileSync(await fetched).equals(content)).toBe(true)
  else await expect(fetched).rejects.toMatchObject({ code: 'artifact-corrupt' })
  expect(asked.length).toBe(expected ? 2 : 1)
})

const kibibytes64 = 65_536

/** What downloads left in the folder of temporary files. */
const parts = (root: string) => {
  const folder = join(root, '.git/lfs/tmp')
  return existsSync(folder) ? readdirSync(folder).map((name) => ({ path: join(folder, name), name })) : []
}

it('a download continues after kill -9 of its process, and takes nothing from one that runs', async () => {
  const state = { isWhole: false }
  const { root, fetchFile, server } = await cloned({
    send: (bytes, { headers }, response) => {
      const start = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0)
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start })
      if (state.isWhole) response.end(bytes.subarray(start))
      // The rest never comes.
      else response.write(bytes.subarray(start, kibibytes64))
    },
  })
  const program = join(import.meta.dirname, 'lfs-download.ts')
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=sheikh-source', program, root, JSON.stringify(file)],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = once(child, 'exit')
  await vi.waitUntil(() => parts(root).some(({ path }) => statSync(path).size === kibibytes64), { timeout: 60_000 })
  state.isWhole = true
  const ranges = () => server.asked.filter(({ method }) => method === 'GET').map(({ headers }) => headers['range'])
  const last = content.length - 1
  expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  expect(ranges()).toEqual([`bytes=0-${last}`, `bytes=0-${last}`])
  expect(parts(root).length).toBe(1)
  child.kill('SIGKILL')
  expect((await ended)[1]).toBe('SIGKILL')
  rmSync(objectPath(join(root, '.git')))
  expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
  expect(ranges().slice(2)).toEqual([`bytes=${kibibytes64}-${last}`])
  expect(parts(root)).toEqual([])
})

it('a part of a process that cannot be seen is taken after an hour', async () => {
  for (const [minutes, start] of [
    [59, 0],
    [61, 20_000],
  ] as const) {
    const { root, fetchFile, server } = await cloned({
      send: (bytes, { headers }, response) => {
        const from = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0)
        response.writeHead(from > 0 ? 206 : 200)
        response.end(bytes.subarray(from))
      },
    })
    const place = '0123456789ab'
    const part = join(root, `.git/lfs/tmp/${file.oid}-1-1-${place}-${randomUUID()}.part`)
    put(part, content.subarray(0, 20_000))
    const then = Date.now() / 1000 - minutes * 60
    utimesSync(part, then, then)
    expect(readFileSync(await fetchFile()).equals(content)).toBe(true)
    expect(server.asked.at(-1)!.headers['range']).toBe(`bytes=${start}-${content.length - 1}`)
    expect(existsSync(part)).toBe(start === 0)
  }
})
