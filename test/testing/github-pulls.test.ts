import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoopbackGitHub, type LoopbackGitHubRepository, startGitHub } from '../../src/testing/github/index.js'

let folder: string
let github: LoopbackGitHub
let repository: LoopbackGitHubRepository

const git = (...parameters: readonly string[]) =>
  execFileSync('git', [...parameters], { cwd: folder, encoding: 'utf8' }).trim()
// biome-ignore lint/suspicious/noExplicitAny: the answers are compared with what they should be
const ask = async (path: string, body?: unknown): Promise<{ readonly status: number; readonly value: any }> => {
  const response = await fetch(`${github.url}/repos/owner/name/${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${github.token}` },
  })
  return { status: response.status, value: await response.json() }
}
const commit = async (text: string) => {
  await writeFile(join(folder, 'file.txt'), text)
  git('add', '.')
  git('commit', '-qm', text)
  return git('rev-parse', 'HEAD')
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-github-pulls-'))
  git('init', '-q', '-b', 'main')
  github = await startGitHub()
  repository = github.repository('owner/name')
})
afterEach(async () => {
  await github.close()
  await rm(folder, { recursive: true })
})

describe('the loopback GitHub', () => {
  it('takes over what was pushed, by the names that Git gives it', async () => {
    const first = await commit('one')
    const second = await commit('two')
    git('tag', '-am', 'Version 1', 'v1')
    await repository.receive(join(folder, '.git'))
    const { value } = await ask(`git/commits/${second}`)
    const tree = git('rev-parse', 'HEAD^{tree}')
    expect(value).toMatchObject({ sha: second, message: 'two\n', tree: { sha: tree }, parents: [{ sha: first }] })
    expect((await ask('git/ref/heads/main')).value.object).toMatchObject({ type: 'commit', sha: second })
    const tag = (await ask('git/ref/tags/v1')).value.object
    expect(tag).toMatchObject({ type: 'tag', sha: git('rev-parse', 'v1') })
    expect((await ask(`git/tags/${tag.sha}`)).value).toMatchObject({ tag: 'v1', object: { sha: second } })
    const { content } = (await ask('contents/file.txt?ref=main')).value
    expect(Buffer.from(content, 'base64').toString()).toBe('two')
    // A release is tagged at a commit that was pushed.
    const made = await ask('releases', { tag_name: 'v2', target_commitish: first })
    expect([made.status, (await ask('git/ref/tags/v2')).value.object.sha]).toEqual([201, first])
  })

  it('opens a pull request of a branch, which follows the branch', async () => {
    await commit('one')
    git('checkout', '-qb', 'change')
    const second = await commit('two')
    await repository.receive(join(folder, '.git'))
    const opened = await ask('pulls', { title: 'Change', head: 'change', base: 'main' })
    const head = { label: 'owner:change', ref: 'change', sha: second }
    expect(opened).toMatchObject({ status: 201, value: { number: 1, state: 'open', head, base: { ref: 'main' } } })
    expect((await ask('issues', { title: 'Other' })).value.number).toBe(2)
    const third = await commit('three')
    await repository.receive(join(folder, '.git'))
    expect((await ask('pulls/1')).value.head.sha).toBe(third)
    expect((await ask(`pulls?head=${encodeURIComponent('owner:change')}`)).value).toHaveLength(1)
    expect((await ask('pulls?head=owner:other')).value).toEqual([])
    expect((await ask('pulls/2')).status).toBe(404)
  })

  it.each([
    ['a branch that was not pushed', { title: 'a', head: 'missing', base: 'main' }, 'head'],
    ['a base that was not pushed', { title: 'a', head: 'change', base: 'missing' }, 'base'],
    ['no title', { head: 'change', base: 'main' }, 'title'],
    ['a branch without commits of its own', { title: 'a', head: 'same', base: 'main' }, 'head'],
    ['a second one for a branch', { title: 'a', head: 'owner:known', base: 'main' }, 'head'],
  ])('refuses a pull request with %s', async (_, asked, field) => {
    await commit('one')
    git('branch', 'same')
    git('checkout', '-qb', 'change')
    await commit('two')
    git('branch', 'known')
    await repository.receive(join(folder, '.git'))
    await ask('pulls', { title: 'Known', head: 'known', base: 'main' })
    const refused = await ask('pulls', asked)
    expect(refused).toMatchObject({ status: 422, value: { errors: [{ resource: 'PullRequest', field }] } })
    expect(repository.state.pullRequests).toHaveLength(1)
  })

  it('lists the check runs of a commit, newest first', async () => {
    const sha = await commit('one')
    for (const conclusion of ['neutral', 'success'])
      await ask('check-runs', { name: 'review', head_sha: sha, conclusion, output: { title: 'a', summary: 'b' } })
    await ask('check-runs', { name: 'review', head_sha: 'b'.repeat(40), conclusion: 'failure' })
    const { value } = await ask(`commits/${sha}/check-runs`)
    expect(value.total_count).toBe(2)
    expect(value.check_runs).toMatchObject([
      { name: 'review', head_sha: sha, status: 'completed', conclusion: 'success', output: { title: 'a' } },
      { conclusion: 'neutral' },
    ])
  })
})
