import { chmodSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { openGit, proposeBranch, proposedBranches } from '../../src/repository/git/index.js'
import { propose } from '../../src/repository/propose.js'
import { sampleOf } from '../whole.js'
import { gitIsMissing, gitServer } from './git-http-backend.js'
import { git, gitCheck, gitStatus, temporaryFolder, write } from './harness.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: proposals, since ${gitIsMissing}\n`)

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
const branch = 'sheikh/base-1.0.0'

function clone() {
  const folder = temporaryFolder()
  const [origin, root] = [join(folder, 'origin.git'), join(folder, 'clone')]
  git(folder, 'init', '-q', '--bare', '-b', 'main', origin)
  git(folder, 'init', '-q', '-b', 'main', root)
  write(root, 'mlops/a.yaml', 'a: 1\n')
  write(root, 'dataset/b.json', '{}')
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'first')
  git(root, 'remote', 'add', 'origin', origin)
  git(root, 'push', '-q', 'origin', 'main')
  return { root, origin }
}

describe.skipIf(gitIsMissing !== undefined)('a proposed branch', () => {
  it('is pushed with the files, and leaves work tree, HEAD and main as they are', async () => {
    const { root, origin } = clone()
    write(root, 'mlops/a.yaml', 'a: mine\n')
    const before = gitStatus(root)
    const library = await openGit(root, context)
    const files = new Map([
      ['mlops/a.yaml', 'a: 2\n'],
      ['dataset/new/c.json', '{"c":1}'],
      ['dataset/b.json', undefined],
    ])
    const proposed = await proposeBranch(library, { branch, files, message: 'Change', author }, context)
    expect(proposed).toMatchObject({ status: 'proposed', branch, remote: 'origin' })
    expect(gitStatus(root)).toBe(before)
    expect(git(root, 'rev-list', '--count', 'HEAD').trim()).toBe('1')
    expect(git(origin, 'rev-parse', 'main')).toBe(git(root, 'rev-parse', 'HEAD'))
    expect(git(origin, 'show', `${branch}:mlops/a.yaml`)).toBe('a: 2\n')
    expect(git(origin, 'ls-tree', '-r', '--name-only', branch).trim().split('\n')).toEqual([
      'dataset/new/c.json',
      'mlops/a.yaml',
    ])
    gitCheck(origin)
  })

  it('is known the second time, and goes on top of what a person added', async () => {
    const { root, origin } = clone()
    const library = await openGit(root, context)
    const files = new Map([['mlops/a.yaml', 'a: 2\n']])
    const first = await proposeBranch(library, { branch, files, message: 'Change', author }, context)
    expect(await proposeBranch(library, { branch, files, message: 'Change', author }, context)).toEqual({
      ...first,
      status: 'known',
    })
    const other = join(temporaryFolder(), 'other')
    git(root, 'clone', '-q', '-b', branch, origin, other)
    write(other, 'note.md', 'mine')
    git(other, 'add', '-A')
    git(other, 'commit', '-q', '-m', 'note')
    git(other, 'push', '-q', 'origin', branch)
    expect(await proposeBranch(library, { branch, files, message: 'Change', author }, context)).toMatchObject({
      status: 'known',
    })
    const more = new Map([['mlops/a.yaml', 'a: 3\n']])
    await proposeBranch(library, { branch, files: more, message: 'More', author }, context)
    expect(git(origin, 'show', `${branch}:note.md`)).toBe('mine')
    expect(git(origin, 'show', `${branch}:mlops/a.yaml`)).toBe('a: 3\n')
    expect(git(origin, 'log', '--format=%s', branch).trim().split('\n')).toEqual(['More', 'note', 'Change', 'first'])
  })

  it('is not made if HEAD has the contents', async () => {
    const { root, origin } = clone()
    const library = await openGit(root, context)
    const files = new Map([
      ['mlops/a.yaml', 'a: 1\n'],
      ['gone', undefined],
    ])
    const proposed = await proposeBranch(library, { branch, files, message: 'Change', author }, context)
    expect(proposed).toEqual({ status: 'nothing-new', branch })
    expect(git(origin, 'branch', '--list').trim()).toBe('* main')
  })

  it('stays in the clone without a remote, and names a remote that does not exist or refuses', async () => {
    const { root, origin } = clone()
    const library = await openGit(root, context)
    const files = new Map([['mlops/a.yaml', 'a: 2\n']])
    const proposal = { branch, files, message: 'Change', author }
    await expect(proposeBranch(library, { ...proposal, remote: 'upstream' }, context)).rejects.toMatchObject({
      code: 'invalid-config',
    })
    expect(await proposeBranch(library, { ...proposal, remote: false }, context)).toMatchObject({ status: 'proposed' })
    expect(git(root, 'show', `${branch}:mlops/a.yaml`)).toBe('a: 2\n')
    write(origin, 'hooks/pre-receive', '#!/bin/sh\nexit 1\n')
    git(origin, 'config', 'core.hooksPath', 'hooks')
    chmodSync(join(origin, 'hooks/pre-receive'), 0o755)
    await expect(proposeBranch(library, proposal, context)).rejects.toThrow(/the remote refused it/)
  })
})

describe.skipIf(gitIsMissing !== undefined)('the branches of proposals', () => {
  const tips = (folder: string, ...names: readonly string[]) =>
    new Map(names.map((name) => [name, git(folder, 'rev-parse', name).trim()]))

  it.each(sampleOf([false, 'git'] as const, 1))(
    'are listed by their prefix, with all of their objects (program: %s)',
    async (program) => {
      const { root, origin } = clone()
      const other = join(temporaryFolder(), 'other')
      git(root, 'clone', '-q', origin, other)
      const library = await openGit(other, context)
      for (const [index, name] of ['sheikh/base-1', 'sheikh/base-2', 'sheikh/other', 'x/sheikh/base-3'].entries())
        await proposeBranch(
          library,
          { branch: name, files: new Map([['n', `${index}`]]), message: 'n', author },
          context,
        )
      const reader = await openGit(root, context, { program })
      const expected = tips(origin, 'sheikh/base-1', 'sheikh/base-2')
      expect(await proposedBranches(reader, { prefix: 'sheikh/base-' }, context)).toEqual(expected)
      const server = await gitServer(join(origin, '..'))
      try {
        const third = join(temporaryFolder(), 'third')
        git(root, 'clone', '-q', '--single-branch', origin, third)
        git(third, 'remote', 'set-url', 'origin', `${server.url}/origin.git`)
        const far = await openGit(third, context, { program })
        const found = await proposedBranches(far, { prefix: 'sheikh/base-' }, context)
        expect(found).toEqual(expected)
        for (const tip of found.values()) expect((await far.tree(tip)).has('n')).toBe(true)
      } finally {
        await server.close()
      }
    },
  )

  it.each(['git', false] as const)('are those of the clone without a remote (program: %s)', async (program) => {
    const { root } = clone()
    for (const name of ['sheikh/base-1', 'sheikh/base-2', 'sheikh/other']) git(root, 'branch', name)
    git(root, 'pack-refs', '--all')
    const library = await openGit(root, context, { program })
    expect(await proposedBranches(library, { prefix: 'sheikh/base-', remote: false }, context)).toEqual(
      tips(root, 'sheikh/base-1', 'sheikh/base-2'),
    )
  })
})

it.skipIf(gitIsMissing !== undefined)('opens one pull request on GitHub, and says why if it cannot', async () => {
  const { root } = clone()
  const opened: { readonly head: string; readonly base: string; readonly html_url: string }[] = []
  let isClosed = false
  const server = createServer(async (request, response) => {
    const answer = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (request.headers.authorization !== 'Bearer secret-token') return answer(401, { message: 'Bad credentials' })
    if (isClosed) return answer(403, { message: 'Resource not accessible by integration' })
    if (request.method === 'GET') return answer(200, opened)
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { head: string; base: string }
    opened.push({ ...body, html_url: `https://github.example/pull/${opened.length + 1}` })
    return answer(201, opened.at(-1))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  try {
    const { port } = server.address() as AddressInfo
    const environment = {
      GITHUB_TOKEN: 'secret-token',
      GITHUB_REPOSITORY: 'ann/project',
      GITHUB_API_URL: `http://127.0.0.1:${port}`,
    }
    const surroundings = { root, project: '', shared: root, originUrl: async () => undefined, environment }
    const configuration = await loadConfiguration(root, context)
    const place = { git: await openGit(root, context), surroundings, configuration }
    const files = new Map([['mlops/a.yaml', 'a: 2\n']])
    const proposal = { branch, files, author, title: 'Change a', body: 'Because.' }
    const proposed = await propose(place, proposal, context)
    expect(proposed).toMatchObject({ status: 'proposed', pullRequest: 'https://github.example/pull/1' })
    expect(opened).toMatchObject([{ head: branch, base: 'main', title: 'Change a', body: 'Because.' }])
    expect(await propose(place, proposal, context)).toMatchObject({
      status: 'known',
      pullRequest: 'https://github.example/pull/1',
    })
    expect(opened.length).toBe(1)
    isClosed = true
    const denied = await propose(place, { ...proposal, branch: 'sheikh/other' }, context)
    expect(denied.status).toBe('proposed')
    expect(denied.pullRequest).toBeUndefined()
    expect(denied.problem).toMatch(/Cannot list the pull requests/)
  } finally {
    server.close()
  }
})
