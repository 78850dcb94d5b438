import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type GitHubRegistryOptions, githubRegistry } from '../../src/releaser/github/index.js'
import {
  type Bundle,
  type PendingRelease,
  type PrepareRequest,
  type Releaser,
  readBundle,
} from '../../src/releaser/index.js'
import {
  type GitHubFault,
  type GitHubRequest,
  type LoopbackGitHub,
  type LoopbackGitHubOptions,
  startGitHub,
} from '../../src/testing/github/index.js'

const context = callContext()
const repository = 'owner/name'
let folder: string
let github: LoopbackGitHub
let fault: ((request: GitHubRequest) => GitHubFault | undefined) | undefined

async function start(options: LoopbackGitHubOptions = {}): Promise<void> {
  await github?.close()
  github = await startGitHub({ ...options, before: (request) => fault?.(request) })
  github.repository(repository)
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-github-'))
  fault = undefined
  await start()
})
afterEach(async () => {
  await github.close()
  await rm(folder, { recursive: true })
})

const open = (options: Partial<GitHubRegistryOptions> = {}): Releaser =>
  githubRegistry({
    repository,
    token: github.token,
    baseUrl: github.url,
    patience: { attempts: 2, firstDelayMs: 0, longestDelayMs: 0 },
    ...options,
  })

async function request(
  version: string,
  files: Record<string, string | Uint8Array>,
  runId = 'run',
): Promise<PrepareRequest & { readonly bundle: Bundle }> {
  const directory = await mkdtemp(join(folder, 'bundle-'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
  const bundle = await readBundle(directory, context)
  return { bundle, version, postPublish: { channel: 'latest', withdraws: [] }, record: { runId, atMs: 0 } }
}

async function release(registry: Releaser, asked: PrepareRequest) {
  const pending = await registry.prepare(asked, context)
  await registry.verify(pending, context)
  return registry.publish(pending, context)
}

const state = () => github.state.repositories.get(repository)!
const assetNames = () => state().releases.flatMap(({ assets }) => assets.map(({ name }) => name))
const uploads = () => github.requests.filter(({ host, method }) => host === 'uploads' && method === 'POST')
const coded = (code: string) => expect.objectContaining({ code })

async function pendingIn(registry: Releaser) {
  const found = []
  for await (const one of registry.pending(context)) found.push(one)
  return found
}

describe('what is sent to GitHub', () => {
  it('goes on with an upload that was cut, and sends nothing twice', async () => {
    const asked = await request('1.0.0', { 'a.bin': 'first', 'b.bin': 'second', 'c.bin': 'third' })
    fault = ({ path }) => (path.includes('name=b.bin') ? 'cut' : undefined)
    await expect(open().prepare(asked, context)).rejects.toEqual(coded('remote-failed'))
    expect(state().releases[0]!.assets.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'a.bin uploaded',
      'b.bin starter',
    ])
    expect(await pendingIn(open())).toEqual([])
    fault = undefined
    const before = uploads().length
    const pending = await open().prepare(asked, context)
    const names = uploads()
      .slice(before)
      .map(({ path }) => /name=(.*)/.exec(path)![1])
    expect(names).toEqual(['b.bin', 'c.bin', 'sheikh-release.json'])
    await open().verify(pending, context)
    expect(state().releases).toHaveLength(1)
  })

  it('goes on with what another run of the same bundle left, and clears away the rest', async () => {
    fault = ({ path }) => (path.includes('name=b.bin') ? { status: 502 } : undefined)
    await expect(open().prepare(await request('1.0.0', { 'b.bin': 'other' }), context)).rejects.toMatchObject({
      code: 'remote-failed',
    })
    const files = { 'a.bin': 'first', 'b.bin': 'second' }
    await expect(open().prepare(await request('1.0.0', files, 'one'), context)).rejects.toMatchObject({
      code: 'remote-failed',
    })
    fault = undefined
    const before = uploads().length
    await release(open(), await request('1.0.1', files, 'two'))
    expect(uploads().length - before).toBe(2)
    expect(state().releases.map(({ tagName, isDraft }) => `${tagName} ${isDraft}`)).toEqual(['v1.0.1 false'])
  })

  it('is split where a file is too large, and put together again', async () => {
    const large = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251))
    const registry = open({ assetLimitBytes: 300 })
    await release(registry, await request('1.0.0', { 'model.bin': large, 'small.bin': 'small' }))
    expect(assetNames()).toEqual([
      ...['1', '2', '3', '4'].map((part) => `model.bin.part-00${part}`),
      'small.bin',
      'sheikh-release.json',
    ])
    const { directory } = await open().open('1.0.0', join(folder, 'opened'), context)
    expect(await readFile(join(directory, 'model.bin'))).toEqual(large)
  })

  it('keeps odd paths, and files that are empty', async () => {
    const files = {
      'prompts/inference/a.txt': 'one',
      'prompts--inference--a.txt': 'two',
      'größe (1) ✓.txt': 'three',
      '.hidden': 'four',
      'A.txt': 'five',
      'a.txt': 'six',
      'sheikh-release.json': 'seven',
      'folder/sheikh-release.json': 'eight',
      'empty.txt': '',
      'folder/..strange..': 'nine',
    }
    await release(open(), await request('1.0.0', files))
    expect(assetNames()).toHaveLength(10)
    for (const name of assetNames()) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]$/)
    const { directory } = await open().open('1.0.0', join(folder, 'opened'), context)
    for (const [path, content] of Object.entries(files))
      expect(await readFile(join(directory, path), 'utf8'), path).toBe(content)
  })

  it('is sent once: a release of a bundle that GitHub has names the assets of the earlier one', async () => {
    const files = { 'model.bin': Buffer.alloc(100_000, 7), 'empty.txt': '' }
    const { bundle, ...asked } = await request('1.0.0', files)
    const { directory: _, ...named } = bundle
    await release(open(), { ...asked, bundle })
    await release(open(), await request('1.1.0', { 'model.bin': 'worse' }, 'worse'))
    for (const version of ['1.2.0', '1.3.0']) {
      const before = uploads().length
      await release(open(), { ...asked, bundle: named, version })
      const sent = uploads().slice(before)
      expect(sent).toHaveLength(1)
      expect(sent[0]!.sizeBytes).toBeLessThan(3000)
      const { directory } = await open().open(version, join(folder, version), context)
      expect((await readBundle(directory, context)).digest).toBe(bundle.digest)
    }
    // Of the first, and not of one that itself has nothing.
    expect(state().releases.at(-1)!.body).toContain('The files are assets of v1.0.0.')
    state().releases.shift()
    await expect(open().open('1.2.0', join(folder, 'gone'), context)).rejects.toEqual(coded('artifact-corrupt'))
    await expect(open().prepare({ ...asked, bundle: named, version: '1.4.0' }, context)).rejects.toEqual(
      coded('not-found'),
    )
    expect(await pendingIn(open())).toEqual([])
  })

  it('is removed when the last release that needs it is', async () => {
    const { bundle, ...asked } = await request('1.0.0', { 'model.bin': 'the model' })
    const { directory: _, ...named } = bundle
    await release(open(), { ...asked, bundle })
    await release(open(), { ...asked, bundle: named, version: '1.1.0' })
    await open().remove('1.0.0', context)
    expect(assetNames()).toEqual(['model.bin', 'sheikh-release.json', 'sheikh-release.json'])
    await open().open('1.1.0', join(folder, 'opened'), context)
    // A crash between the mark and the deletion: the next removal goes on.
    fault = ({ method }) => (method === 'DELETE' ? 'cut' : undefined)
    await expect(open().remove('1.1.0', context)).rejects.toEqual(coded('remote-failed'))
    fault = undefined
    await expect(open().open('1.1.0', join(folder, 'other'), context)).rejects.toEqual(coded('not-found'))
    await open().remove('1.1.0', context)
    expect(assetNames()).toEqual(['sheikh-release.json', 'sheikh-release.json'])
  })

  it('is refused where it is more than GitHub takes, before anything is sent', async () => {
    const files = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`${index}.txt`, 'x']))
    const asked = await request('1.0.0', files)
    await expect(open().prepare(asked, context)).rejects.toMatchObject({
      code: 'release-rejected',
      message: expect.stringContaining('1001 assets'),
    })
    expect(github.requests).toEqual([])
  })

  it('is read from the disk as it is sent: where no redirect may follow, Node keeps no copy', async () => {
    const sent: RequestInit[] = []
    const fetch: typeof globalThis.fetch = (input, init) => {
      if (init?.body instanceof Blob) sent.push(init)
      return globalThis.fetch(input, init)
    }
    await release(open({ fetch }), await request('1.0.0', { 'a.bin': 'first' }))
    expect(sent.map(({ redirect, window }) => [redirect, window])).toEqual([
      ['error', null],
      ['error', null],
    ])
  })

  it('is told as it goes, up and down', async () => {
    const told: string[] = []
    const registry = open({
      onProgress: ({ act, path, doneBytes, totalBytes }) => told.push(`${act} ${path} ${doneBytes}/${totalBytes}`),
    })
    await release(registry, await request('1.0.0', { 'a.bin': 'first' }))
    await registry.open('1.0.0', join(folder, 'opened'), context)
    expect(told).toEqual(['upload a.bin 5/5', 'download a.bin 5/5'])
  })
})

describe('a version on GitHub', () => {
  it('goes to the run that makes the tag; the other loses, and is discarded without touching it', async () => {
    const [one, two] = [open(), open()]
    const first = await one.prepare(await request('1.0.0', { 'a.bin': 'same' }, 'one'), context)
    const second = await two.prepare(await request('1.0.0', { 'a.bin': 'same' }, 'two'), context)
    fault = ({ method, path }) => (method === 'PATCH' && /releases\/\d/.test(path) ? 'cut' : undefined)
    await expect(one.publish(first, context)).rejects.toEqual(coded('remote-failed'))
    fault = undefined
    expect((await pendingIn(two)).map(({ pending, publishing }) => [pending.record.runId, publishing]).sort()).toEqual([
      ['one', true],
      ['two', false],
    ])
    await expect(two.publish(second, context)).rejects.toEqual(coded('release-conflict'))
    await two.discard(second, context)
    expect(state().refs.has('refs/tags/v1.0.0')).toBe(true)
    expect((await one.publish(first, context)).record.runId).toBe('one')
    await expect(two.prepare(await request('1.0.0', { 'a.bin': 'same' }, 'two'), context)).rejects.toEqual(
      coded('release-conflict'),
    )
  })

  it('of two that publish at once goes to one', async () => {
    const registries = [open(), open(), open()]
    const pending: PendingRelease[] = []
    for (const [index, registry] of registries.entries())
      pending.push(await registry.prepare(await request('1.0.0', { 'a.bin': 'same' }, `run ${index}`), context))
    const ended = await Promise.allSettled(registries.map((one, index) => one.publish(pending[index]!, context)))
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
    for (const end of ended) if (end.status === 'rejected') expect(end.reason).toEqual(coded('release-conflict'))
    expect(state().releases.filter(({ isDraft }) => !isDraft)).toHaveLength(1)
  })

  it('that somebody tagged by hand is taken, before anything is sent', async () => {
    state().refs.set('refs/tags/v1.0.0', state().refs.get('refs/heads/main')!)
    await expect(open().prepare(await request('1.0.0', { 'a.bin': 'a' }), context)).rejects.toMatchObject({
      code: 'release-conflict',
      message: expect.stringContaining('delete the tag'),
    })
    expect(uploads()).toEqual([])
  })

  it('stands on the commit of the record, or on the default branch where GitHub does not have it', async () => {
    const commit = github.repository(repository).commit('of the model')
    const head = github.repository(repository).commit('later')
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
    const stage = async (version: string, of: string) => {
      const asked = await request(version, { 'a.bin': version })
      const registry = open()
      await registry.publish(
        await registry.prepare({ ...asked, record: { ...asked.record, commit: of } }, callContext({ log })),
        context,
      )
      const tag = state().objects.get(state().refs.get(`refs/tags/v${version}`)!)
      return tag?.type === 'tag' ? tag.object : undefined
    }
    expect(await stage('1.0.0', commit)).toBe(commit)
    expect(warnings).toEqual([])
    expect(await stage('1.0.1', 'f'.repeat(40))).toBe(head)
    expect(warnings).toEqual([expect.stringContaining('does not have the commit')])
  })

  it('is taken back whole where its publication never ended: tag first, then draft', async () => {
    const registry = open()
    const pending = await registry.prepare(await request('1.0.0', { 'a.bin': 'a' }), context)
    fault = ({ method, path }) => (method === 'PATCH' && /releases\/\d/.test(path) ? 'cut' : undefined)
    await expect(registry.publish(pending, context)).rejects.toMatchObject({ code: 'remote-failed' })
    fault = ({ method, path }) => (method === 'DELETE' && /releases\/\d/.test(path) ? 'cut' : undefined)
    await expect(registry.discard(pending, context)).rejects.toMatchObject({ code: 'remote-failed' })
    fault = undefined
    expect(await pendingIn(registry)).toEqual([{ pending, publishing: false }])
    await registry.discard(pending, context)
    expect(state().releases).toEqual([])
    expect([...state().refs.keys()]).toEqual(['refs/heads/main'])
  })

  it('is a pre-release where SemVer says so, and then never the latest', async () => {
    const registry = open()
    await release(registry, await request('1.0.0-rc.1', { 'a.bin': 'a' }))
    await registry.point('latest', '1.0.0-rc.1', undefined, context)
    expect(state().releases[0]).toMatchObject({ isPrerelease: true, isDraft: false })
    expect(state().latestId).toBe(undefined)
    expect((await registry.current('latest', context))?.version).toBe('1.0.0-rc.1')
  })

  it('keeps when it was published, also where somebody wrote other notes', async () => {
    const registry = open()
    const pending = await registry.prepare(await request('1.0.0', { 'a.bin': 'a' }), context)
    await registry.publish(pending, callContext({ clock: { nowMs: () => 42 } }))
    expect((await open().publish(pending, context)).publishedAtMs).toBe(42)
    state().releases[0]!.body = 'by hand'
    const publishedAtMs = state().releases[0]!.publishedAtMs!
    expect((await open().publish(pending, context)).publishedAtMs).toBe(Math.floor(publishedAtMs / 1000) * 1000)
  })

  it('is found among more releases of code than a page holds, which cost nothing', async () => {
    const head = state().refs.get('refs/heads/main')!
    await release(open(), await request('1.0.0', { 'a.bin': 'a' }))
    const [ours] = state().releases
    for (let index = 0; index < 250; index += 1)
      state().releases.push({
        ...ours!,
        id: 5000 + index,
        tagName: `v2.0.${index}`,
        target: head,
        body: '',
        assets: [],
      })
    const before = github.requests.length
    const found = []
    for await (const { version } of open().history(context)) found.push(version)
    expect(found).toEqual(['1.0.0'])
    // The branch, three pages, and the document, which lies on another host.
    expect(github.requests.length - before).toBe(6)
  })

  it('of another project in the same repository is not seen', async () => {
    const [plain, spam] = [open(), open({ tagFormat: 'spam-v{version}' })]
    await release(plain, await request('1.0.0', { 'a.bin': 'a' }, 'plain'))
    await release(spam, await request('1.0.0', { 'a.bin': 'b' }, 'spam'))
    await plain.point('latest', '1.0.0', undefined, context)
    expect(await spam.current('latest', context)).toBe(undefined)
    await spam.point('latest', '1.0.0', undefined, context)
    for (const [registry, runId] of [
      [plain, 'plain'],
      [spam, 'spam'],
    ] as const) {
      expect((await registry.current('latest', context))?.record.runId).toBe(runId)
      const versions = []
      for await (const one of registry.history(context)) versions.push(one.record.runId)
      expect(versions).toEqual([runId])
    }
  })
})

describe('the latest release', () => {
  it('is what the channel points at, and none that is withdrawn', async () => {
    const registry = open()
    await release(registry, await request('1.0.0', { 'a.bin': 'a' }))
    await release(registry, await request('1.1.0', { 'a.bin': 'b' }, 'other'))
    const latest = () => state().releases.find(({ id }) => id === state().latestId)?.tagName
    expect(latest()).toBe(undefined)
    await registry.point('latest', '1.1.0', undefined, context)
    await registry.point('production', '1.0.0', undefined, context)
    expect(latest()).toBe('v1.1.0')
    await registry.withdraw('1.1.0', 'it was <b>bad</b> for @somebody', context)
    expect(latest()).toBe('v1.0.0')
    const [, withdrawn] = state().releases
    expect(withdrawn!.name).toBe('1.1.0 (withdrawn)')
    expect(withdrawn!.body).toMatch(/^> \*\*Withdrawn\*\*/)
    expect(withdrawn!.body).not.toContain('somebody')
  })
})

describe('an answer of GitHub', () => {
  it('that sends the bytes elsewhere takes the token nowhere', async () => {
    await release(open(), await request('1.0.0', { 'a.bin': 'first' }))
    await open().open('1.0.0', join(folder, 'opened'), context)
    const elsewhere = github.requests.filter(({ host }) => host === 'downloads')
    expect(elsewhere.length).toBeGreaterThan(1)
    expect(elsewhere.some(({ hasToken }) => hasToken)).toBe(false)
    expect(github.requests.filter(({ host }) => host !== 'downloads').every(({ hasToken }) => hasToken)).toBe(true)
  })

  it('that is "too fast", as GitHub says it, is waited for', async () => {
    const limits = [
      { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0' } },
      { status: 403, headers: { 'retry-after': '0' } },
      { status: 403, body: { message: 'You have exceeded a secondary rate limit.' } },
      { status: 429 },
    ]
    for (const limit of limits) {
      let left = 1
      fault = () => (left-- > 0 ? limit : undefined)
      expect(await open().current('latest', context)).toBe(undefined)
    }
  })

  it.each([
    [401, 'access-denied'],
    [403, 'access-denied'],
    [404, 'not-found'],
    [301, 'not-found'],
    [422, 'release-rejected'],
    [500, 'remote-failed'],
  ])('of %i is %s, and no error holds the token', async (status, code) => {
    const asked = await request('1.0.0', { 'a.bin': 'a' })
    const pending = await open().prepare(asked, context)
    fault = () => ({ status, body: { message: `the token ${github.token} is wrong` }, headers: { location: '/x' } })
    const registry = open()
    const acts = [
      () => registry.prepare(asked, context),
      () => registry.verify(pending, context),
      () => registry.publish(pending, context),
      () => registry.discard(pending, context),
    ]
    for (const act of acts) {
      const error: unknown = await act().catch((thrown: unknown) => thrown)
      expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toContain(github.token)
      // What is not there is no error where that is the question.
      if (status !== 404) expect(error).toEqual(coded(code))
    }
  })

  it('to a token that may only read, to none and to a wrong one is told apart', async () => {
    await start({ tokens: { reader: 'read', writer: 'write' } })
    const asked = await request('1.0.0', { 'a.bin': 'a' })
    await release(open(), asked)
    for (const token of ['reader', undefined]) {
      const registry = open({ token })
      await registry.open('1.0.0', join(folder, `opened by ${token}`), context)
      await expect(registry.prepare(await request('1.0.1', { 'a.bin': 'b' }), context)).rejects.toEqual(
        coded('access-denied'),
      )
      expect(await pendingIn(registry)).toEqual([])
    }
    await expect(open({ token: 'wrong' }).current('latest', context)).rejects.toEqual(coded('access-denied'))
  })

  it('that changed on its way is found: in an asset, in the document, in a channel', async () => {
    await release(open(), await request('1.0.0', { 'a.bin': 'first' }))
    await open().point('latest', '1.0.0', undefined, context)
    const assets = state().releases[0]!.assets as { readonly name: string; bytes: Uint8Array }[]
    const change = (name: string, bytes: string) => {
      const asset = assets.find((one) => one.name === name)!
      const old = asset.bytes
      asset.bytes = Buffer.from(bytes)
      return () => Object.assign(asset, { bytes: old })
    }
    const undo = change('a.bin', 'other')
    await expect(open().open('1.0.0', join(folder, 'one'), context)).rejects.toEqual(coded('artifact-corrupt'))
    undo()
    const undoDocument = change('sheikh-release.json', '{"formatVersion":1}')
    await expect(open().current('latest', context)).rejects.toEqual(coded('artifact-corrupt'))
    undoDocument()
    expect((await open().current('latest', context))?.version).toBe('1.0.0')
  })

  it('without digests has every asset read back', async () => {
    await start({ assetDigests: false })
    const registry = open()
    const pending = await registry.prepare(await request('1.0.0', { 'a.bin': 'first', 'b.bin': 'second' }), context)
    const assets = state().releases[0]!.assets as { bytes: Uint8Array }[]
    await registry.verify(pending, context)
    assets[0]!.bytes = Buffer.from('FIRST')
    await expect(registry.verify(pending, context)).rejects.toEqual(coded('artifact-corrupt'))
  })

  it('from a repository without a commit, or with its branch gone, says what to do', async () => {
    github.repository('owner/empty', { isEmpty: true })
    const registry = open({ repository: 'owner/empty' })
    expect(await registry.current('latest', context)).toBe(undefined)
    await expect(registry.prepare(await request('1.0.0', { 'a.bin': 'a' }), context)).rejects.toMatchObject({
      code: 'release-rejected',
      message: expect.stringContaining('Push a commit first'),
    })
    await expect(
      open({ repository: 'owner/absent' }).prepare(await request('1.0.0', { 'a.bin': 'a' }), context),
    ).rejects.toEqual(coded('not-found'))
  })
})

describe('channels', () => {
  it('of which two are written at once both stand', async () => {
    const registry = open()
    await release(registry, await request('1.0.0', { 'a.bin': 'a' }))
    await Promise.all(['one', 'two', 'three'].map((name) => open().point(name, '1.0.0', undefined, context)))
    for (const name of ['one', 'two', 'three']) expect((await registry.current(name, context))?.version).toBe('1.0.0')
  })

  it('begin a branch that has nothing in common with the code', async () => {
    await release(open(), await request('1.0.0', { 'a.bin': 'a' }))
    await open().point('latest', '1.0.0', undefined, context)
    let commit = state().objects.get(state().refs.get('refs/heads/sheikh-registry')!)
    while (commit?.type === 'commit' && commit.parents.length > 0) commit = state().objects.get(commit.parents[0]!)
    expect(commit).toMatchObject({ type: 'commit', message: 'Create the registry' })
    const [first] = github.requests
    expect(first?.hasToken).toBe(true)
  })
})

describe('options', () => {
  it.each([
    ['a repository', { repository: 'name' }],
    ['a repository that climbs', { repository: '../name' }],
    ['a token with a line break', { token: 'ghp_secretsecretsecret\n' }],
    ['an empty token', { token: '' }],
    ['a base URL with a password', { baseUrl: 'https://user:password@host' }],
    ['a tag format', { tagFormat: 'v1' }],
    ['a limit', { assetLimitBytes: 0 }],
  ])('that cannot be are refused: %s', (_, options) => {
    const error = (() => {
      try {
        return open(options)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toEqual(coded('invalid-options'))
    expect(inspect(error)).not.toMatch(/ghp_secret/)
  })

  it('describe the registry without its token', () =>
    expect(open({ baseUrl: 'https://host/api/v3' }).describe()).toEqual({
      repository,
      baseUrl: 'https://host/api/v3',
      tagFormat: 'v{version}',
    }))
})
