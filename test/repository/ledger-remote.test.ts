import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { gitBranchLedger, openGit } from '../../src/repository/git/index.js'
import { httpPlace } from '../../src/repository/git/ledger-http.js'
import { localPlace } from '../../src/repository/git/ledger-local.js'
import type { LedgerPlace } from '../../src/repository/git/ledger-place.js'
import { programPlace } from '../../src/repository/git/ledger-program.js'
import { builtRooms } from '../built-package.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { type GitServerOptions, gitIsMissing, gitServer } from './git-http-backend.js'
import { git, gitCheck, gitStatus } from './harness.js'
import { approval, bare, branch, clone, context, editLines, runIds, seenRef, tamper } from './ledger-clone.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: the ledger at a remote, since ${gitIsMissing}\n`)
const withGit = describe.skipIf(gitIsMissing !== undefined)

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A bare repository, and how to reach it. */
async function served(options: GitServerOptions = {}) {
  const root = bare()
  const server = await gitServer(dirname(root), options)
  closing.push(server.close)
  return { root, url: `${server.url}/${basename(root)}`, requests: server.requests }
}
const log = (root: string, ...more: string[]) =>
  git(root, 'log', '--format=%s', ...more, branch)
    .trim()
    .split('\n')

const remotes = [
  ['over HTTP', () => served()],
  [
    'behind a path',
    async () => {
      const root = bare()
      return { root, url: root }
    },
  ],
] as const

withGit.each(remotes)('a ledger at a remote %s', (name, serve) => {
  // What does not depend on how the remote is reached.
  const itOnce = name === 'behind a path' ? it : itInFull

  // Over HTTP, `npm test` shows it by the lines that each test below reads.
  itOnce('is what every clone reads, and the remote is in order', async () => {
    const { root, url } = await serve()
    const [one, two] = [await clone(url), await clone(url)]
    expect(await one.ledger.read(context)).toEqual([])
    await one.ledger.append(approval('a'), context)
    await two.ledger.append(approval('b'), context)
    await one.ledger.append(approval('c'), context)
    expect(await runIds(two.ledger)).toEqual(['a', 'b', 'c'])
    expect(log(root)).toEqual(['c', 'b', 'a'].map((id) => `Ledger: approval ${id}`))
    for (const made of [one, two]) {
      expect(made.at(seenRef)).toBe(git(root, 'rev-parse', branch).trim())
      expect(made.at(branch)).toBe(made.at(seenRef))
      expect(made.at('refs/remotes/origin/sheikh-ledger')).toBe(made.at(seenRef))
      expect(gitStatus(made.root)).toBe('')
      expect(git(made.root, 'rev-parse', '--abbrev-ref', 'HEAD').trim()).toBe('main')
      gitCheck(made.root)
    }
    gitCheck(root)
  })

  itOnce('that was replaced is found, with both commits, and nothing is pushed over it', async () => {
    const { root, url } = await serve()
    const { ledger, again, at } = await clone(url)
    for (const runId of ['a', 'b', 'c']) await ledger.append(approval(runId), context)
    const seen = at(seenRef)
    tamper(root, (folder) => git(folder, 'reset', '--quiet', '--hard', 'HEAD~1'))
    const found = git(root, 'rev-parse', branch).trim()
    for (const reader of [ledger, await again()]) {
      await expect(reader.read(context)).rejects.toMatchObject({ code: 'artifact-corrupt', facts: { found, seen } })
      await expect(reader.append(approval('d'), context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    }
    git(root, 'update-ref', '-d', branch)
    await expect(ledger.append(approval('d'), context)).rejects.toMatchObject({ facts: { found: null, seen } })
    expect(git(root, 'for-each-ref', branch)).toBe('')
  })

  itInFull('with a line that was edited by a commit on top is found by any clone', async () => {
    const { root, url } = await serve()
    const { ledger } = await clone(url)
    for (const runId of ['a', 'b']) await ledger.append(approval(runId), context)
    editLines(root, (lines) => lines.with(0, lines[0]!.replace('Ann', 'Bob')))
    await expect(ledger.read(context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await expect((await clone(url)).ledger.read(context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      facts: { line: 2 },
    })
  })

  itOnce('begins with what a clone kept for itself before there was a remote', async () => {
    const { root, url } = await serve()
    const made = await clone()
    for (const runId of ['a', 'b']) await made.ledger.append(approval(runId), context)
    git(made.root, 'remote', 'add', 'origin', url)
    expect(await runIds(await made.again())).toEqual(['a', 'b'])
    expect(git(root, 'for-each-ref')).toBe('')
    await (await made.again()).append(approval('c'), context)
    expect(log(root, '--reverse')).toEqual(['a', 'b', 'c'].map((id) => `Ledger: approval ${id}`))
    expect(await runIds((await clone(url)).ledger)).toEqual(['a', 'b', 'c'])
    expect(await runIds(await made.again({ remote: false }))).toEqual(['a', 'b', 'c'])
  })

  // `npm test` shows a race in one process, below.
  itInFull('takes all of two processes that race', async () => {
    const lines = isWhole ? 20 : 3
    const { root, url } = await serve()
    const clones = [await clone(url), await clone(url)]
    const racer = join(await builtRooms(), 'ledger-racer.js')
    const ended = await Promise.all(
      clones.map((made, index) =>
        promisify(execFile)(process.execPath, [racer, made.root, `writer${index}`, String(lines)]),
      ),
    )
    expect(ended.map(({ stderr }) => stderr)).toEqual(['', ''])
    const ids = await runIds((await clone(url)).ledger)
    expect(ids).toHaveLength(2 * lines)
    for (const writer of ['writer0', 'writer1'])
      expect(ids.filter((id) => id.startsWith(writer))).toEqual(
        Array.from({ length: lines }, (_, index) => `${writer}-${index}`),
      )
    expect(log(root)).toHaveLength(2 * lines)
    for (const made of clones) {
      expect(await runIds(made.ledger)).toEqual(ids)
      gitCheck(made.root)
    }
    gitCheck(root)
  })

  // Git's program gives the same reason.
  const itOverHttp = name === 'over HTTP' ? it : itInFull
  itOverHttp('that refuses the push says why, and is not tried for ever', async () => {
    const { root, url } = await serve()
    const hook = join(root, 'hooks/pre-receive')
    git(root, 'config', 'core.hooksPath', join(root, 'hooks'))
    writeFileSync(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const { ledger, at } = await clone(url)
    await expect(ledger.append(approval('a'), context)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: false,
      message: expect.stringContaining('pre-receive hook declined'),
    })
    expect(at(seenRef)).toBe('')
  })
})

// isomorphic-git sends the commit that it saw in its own request for the names, not one that the caller saw; so what is
// promised here is tested against real servers.
withGit.each([
  ['here', async (): Promise<{ url: string } | undefined> => undefined],
  ['over HTTP', () => served()],
  ['by the program', async () => ({ url: bare() })],
] as const)('a branch %s', (name, serve) => {
  const itByUs = name === 'by the program' ? itInFull : it
  itByUs('moves only from where it is expected', async () => {
    const there = await serve()
    const { root } = await clone(there?.url)
    const opened = await openGit(root, context)
    const place: LedgerPlace =
      there === undefined
        ? localPlace(opened, branch)
        : name === 'over HTTP'
          ? httpPlace(opened, there.url, { remote: 'origin', ref: branch })
          : programPlace(opened, { remote: 'origin', ref: branch })
    const commit = (message: string, ...more: string[]) =>
      git(root, 'commit-tree', ...more, '-m', message, 'HEAD^{tree}').trim()
    const first = commit('first')
    const [second, third] = [commit('second', '-p', first), commit('third', '-p', first)]
    const refusal = { code: 'storage-failed' }
    expect(await place.tip(context)).toBe(undefined)
    expect(await place.move(second, first, context)).toMatchObject(refusal)
    expect(await place.move(first, undefined, context)).toBe(undefined)
    expect(await place.move(second, undefined, context)).toMatchObject(refusal)
    expect(await place.move(second, third, context)).toMatchObject(refusal)
    expect(await place.tip(context)).toBe(first)
    expect(await place.move(second, first, context)).toBe(undefined)
    expect(await place.move(third, first, context)).toMatchObject(refusal)
    expect(await place.tip(context)).toBe(second)
  })
})

withGit('over HTTP', () => {
  it('a writer who comes between the names and the push of another wins, and the other comes after', async () => {
    let disturb: (() => unknown) | undefined
    const { url } = await served({
      before: async ({ method, url: asked }) => {
        const act = method === 'POST' && asked?.endsWith('git-receive-pack') ? disturb : undefined
        if (act === undefined) return
        disturb = undefined
        await act()
      },
    })
    const [one, two] = [await clone(url), await clone(url)]
    const all = isWhole ? ['1', '2'] : ['1']
    for (const round of all) {
      disturb = () => two.ledger.append(approval(`two${round}`), context)
      await one.ledger.append(approval(`one${round}`), context)
      expect(disturb).toBe(undefined)
    }
    expect(await runIds(one.ledger)).toEqual(all.flatMap((round) => [`two${round}`, `one${round}`]))
  })

  it('a ledger that was read is appended to without being read again', async () => {
    const { url, requests } = await served()
    const { ledger } = await clone(url)
    await ledger.append(approval('a'), context)
    await ledger.read(context)
    const before = requests.length
    await ledger.append(approval('b'), context)
    await ledger.append(approval('c'), context)
    const asked = requests.slice(before)
    expect(asked.filter((request) => request.includes('upload-pack'))).toEqual([])
    expect(asked.filter((request) => request.startsWith('POST') && request.includes('receive-pack'))).toHaveLength(2)
    expect(await runIds(ledger)).toEqual(['a', 'b', 'c'])
  })

  it('a push whose answer is lost has been made once', async () => {
    let cut = true
    const { url } = await served({
      after: ({ method, url: asked }) => {
        if (!cut || method !== 'POST' || !asked?.endsWith('git-receive-pack')) return true
        cut = false
        return false
      },
    })
    const { ledger } = await clone(url)
    await ledger.append(approval('a'), context)
    expect(cut).toBe(false)
    await ledger.append(approval('b'), context)
    expect(await runIds(ledger)).toEqual(['a', 'b'])
  })

  it('a push that is cut off before it arrives can be tried again, and was not made', async () => {
    let cut = true
    const { url } = await served({
      before: ({ method, url: asked }) => !(cut && method === 'POST' && asked?.endsWith('git-receive-pack')),
    })
    const { ledger } = await clone(url)
    await expect(ledger.append(approval('a'), context)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
    })
    cut = false
    expect(await ledger.read(context)).toEqual([])
  })

  it('a rejected credential is no case for another try, and says what to do', async () => {
    const { url } = await served({ password: 'opensesame' })
    const wrong = { onAuth: () => ({ username: 'x-access-token', password: 'guess' }) }
    for (const options of [{}, wrong])
      await expect((await clone(url, options)).ledger.append(approval('a'), context)).rejects.toMatchObject({
        code: 'storage-failed',
        retryable: false,
        message: expect.stringContaining('SHEIKH_GIT_TOKEN'),
        facts: { status: 401 },
      })
    const asked: string[] = []
    const right = await clone(url, {
      onAuth: (server) => {
        asked.push(server)
        return { username: 'x-access-token', password: 'opensesame' }
      },
    })
    await right.ledger.append(approval('a'), context)
    expect(new Set(asked)).toEqual(new Set([url]))
    const named = await clone(url.replace('http://', 'http://me:opensesame@'))
    expect(await runIds(named.ledger)).toEqual(['a'])
    // Nothing of it stays: neither in Git's configuration nor in any file of the repository.
    expect(readFileSync(join(right.root, '.git/config'), 'utf8')).not.toContain('opensesame')
  })

  it('a server that is down can be tried again', async () => {
    const { url } = await served()
    await closing.pop()!()
    await expect((await clone(url)).ledger.read(context)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
    })
  })

  it.each([
    [503, true],
    [429, true],
    [301, false],
    [404, false],
    [200, false],
  ])('of an answer %i another try is worth it: %s', async (status, retryable) => {
    const server = createServer((_, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1/other', 'content-type': 'text/html' }).end('<p>Hello'),
    )
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    closing.push(() => new Promise((done) => void server.close(() => done())))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.git`
    await expect((await clone(url)).ledger.read(context)).rejects.toMatchObject({ code: 'storage-failed', retryable })
  })

  it('a server that never answers is left when the call is aborted, with the reason untouched', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const server = createSocketServer((socket) => {
      closing.unshift(async () => void socket.destroy())
      socket.on('data', () => controller.abort(reason))
      socket.on('error', () => {})
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    closing.push(() => new Promise((done) => void server.close(() => done())))
    const { ledger } = await clone(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x.git`)
    await expect(ledger.read(callContext({ signal: controller.signal }))).rejects.toBe(reason)
  })
})

withGit('by the program git', () => {
  it('a path with nothing there is no case for another try', async () => {
    const root = bare()
    rmSync(root, { recursive: true })
    await expect((await clone(root)).ledger.read(context)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: false,
      message: expect.stringContaining('git remote get-url origin'),
    })
  })

  it('a server that is down can be tried again', async () => {
    const server = createSocketServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as AddressInfo
    await new Promise((done) => server.close(done))
    const { ledger } = await clone(`git://127.0.0.1:${port}/x.git`)
    await expect(ledger.read(context)).rejects.toMatchObject({ code: 'storage-failed', retryable: true })
  })

  it.each(['ext::sh -c "touch {}"', '--upload-pack=touch {}', 'fd::17'])(
    'a URL that names a program is refused: %s',
    async (url) => {
      const made = await clone()
      const proof = join(made.root, 'proof')
      git(made.root, 'config', 'remote.origin.url', url.replace('{}', proof))
      await expect(made.ledger.read(context)).rejects.toMatchObject({ code: 'invalid-config' })
      expect(gitStatus(made.root)).toBe('')
    },
  )

  it.each(['hub.example.com/team/x.git', 'localhost:9000/x.git'])(
    'a URL without a scheme is refused, with the command that corrects it: %s',
    async (url) => {
      const made = await clone()
      git(made.root, 'config', 'remote.origin.url', url)
      await expect(made.ledger.read(context)).rejects.toMatchObject({
        code: 'invalid-config',
        message: expect.stringContaining(`git remote set-url origin https://${url}`),
      })
    },
  )

  it('a proxy in the settings of Git that is none of HTTP’s is refused by its key', async () => {
    const made = await clone('https://hub.example.com/x.git')
    git(made.root, 'config', 'http.proxy', 'socks5://127.0.0.1:1080')
    await expect(made.ledger.read(context)).rejects.toMatchObject({ facts: { setting: 'http.proxy' } })
  })

  it('a machine without the program is told so', async () => {
    const { ledger } = await clone(bare())
    const path = process.env['PATH']
    process.env['PATH'] = '/nowhere'
    try {
      await expect(ledger.read(context)).rejects.toMatchObject({ code: 'missing-peer' })
    } finally {
      process.env['PATH'] = path
    }
  })

  it('a push URL of another kind is where it is written to', async () => {
    const { root, url } = await served()
    git(root, 'config', 'http.receivepack', 'false')
    const made = await clone(url)
    git(made.root, 'config', 'remote.origin.pushurl', root)
    await made.ledger.append(approval('a'), context)
    expect(await runIds((await clone(url)).ledger)).toEqual(['a'])
  })

  it('a clone that keeps no old files of its own gets the ledger whole', async () => {
    const root = bare()
    git(root, 'config', 'uploadpack.allowFilter', 'true')
    const { ledger } = await clone(root)
    for (const runId of ['a', 'b']) await ledger.append(approval(runId), context)
    const made = await clone(root)
    git(made.root, 'config', 'remote.origin.promisor', 'true')
    git(made.root, 'config', 'remote.origin.partialclonefilter', 'blob:none')
    expect(await runIds(made.ledger)).toEqual(['a', 'b'])
  })
})

withGit.each([
  ['over HTTP, by the program', () => served(), 'git'],
  ['over HTTP, by the library', () => served(), false],
  ['behind a path', remotes[1][1], 'git'],
] as const)('objects that a power failure took from a clone whose remote is %s', (name, serve, program) => {
  const itByEach = name === 'over HTTP, by the library' ? it : itInFull
  const open = async (root: string) => gitBranchLedger(await openGit(root, context, { program }), { remote: 'origin' })
  const objectsOf = (root: string) =>
    git(root, 'rev-list', '--objects', branch, '--not', 'main')
      .trim()
      .split('\n')
      .map((line) => line.split(' ', 1)[0]!)

  const losses = [
    ['are missing', 'the last commit', (root: string) => [git(root, 'rev-parse', branch).trim()], undefined],
    [
      'are missing',
      'the last file',
      (root: string) => [git(root, 'rev-parse', `${branch}:ledger.jsonl`).trim()],
      undefined,
    ],
    ['are missing', 'all', objectsOf, undefined],
    ['are empty', 'all', objectsOf, ''],
  ] as const
  itByEach.each(isWhole ? losses : losses.slice(2, 3))(
    'and that %s (%s) are fetched again',
    async (_how, _which, lost, content) => {
      const { url } = await serve()
      const { root, again } = await clone(url)
      const first = await again()
      for (const id of ['a', 'b', 'c']) await first.append(approval(id), context)
      rmSync(join(root, '.git/sheikh'), { recursive: true })
      for (const oid of lost(root)) {
        const path = join(root, '.git/objects', oid.slice(0, 2), oid.slice(2))
        rmSync(path, { force: true })
        if (content !== undefined) writeFileSync(path, content)
      }
      // Seen by this clone, so that it is checked to descend from what was seen.
      const other = await clone(url)
      await other.ledger.append(approval('d'), context)
      expect(await runIds(await open(root))).toEqual(['a', 'b', 'c', 'd'])
      await (await open(root)).append(approval('e'), context)
      expect(await runIds(await again())).toEqual(['a', 'b', 'c', 'd', 'e'])
      // A damaged object that was fetched again in a pack stays, and git says so.
      if (content === undefined) gitCheck(root)
    },
  )

  itByEach('and that the remote lacks too are an error that says what to do', async () => {
    const { root: remote, url } = await serve()
    const { root, again } = await clone(url)
    await (await again()).append(approval('a'), context)
    await (await again()).append(approval('b'), context)
    const seen = git(root, 'rev-parse', branch).trim()
    tamper(remote, (folder) => git(folder, 'reset', '--quiet', '--hard', 'HEAD~1'))
    rmSync(join(root, '.git/sheikh'), { recursive: true })
    rmSync(join(root, '.git/objects', seen.slice(0, 2), seen.slice(2)))
    await expect((await open(root)).read(context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringMatching(/missing or damaged.*Fetching it again did not help/),
    })
  })
})
