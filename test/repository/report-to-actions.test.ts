import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type ActionsReport, reportToActions } from '../../src/repository/index.js'
import { type GitHubFault, type GitHubRequest, type LoopbackGitHub, startGitHub } from '../../src/testing.js'

const sha = 'a'.repeat(40)
const bot = 'github-actions[bot]'
let folder: string
let github: LoopbackGitHub
let before: ((request: GitHubRequest) => GitHubFault | undefined) | undefined
let after: typeof before

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-actions-'))
  before = undefined
  after = undefined
  github = await startGitHub({
    tokens: { writer: 'write', reader: 'read' },
    before: (request) => before?.(request),
    after: (request) => after?.(request),
  })
  github.repository('owner/name')
  await writeFile(join(folder, 'event.json'), JSON.stringify({ pull_request: { number: 7, head: { sha } } }))
})
afterEach(async () => {
  await github.close()
  await rm(folder, { recursive: true })
})

const state = () => github.state.repositories.get('owner/name')!
const environment = (more: Readonly<Record<string, string>> = {}) => ({
  GITHUB_REPOSITORY: 'owner/name',
  GITHUB_API_URL: github.url,
  GITHUB_TOKEN: 'writer',
  GITHUB_SHA: 'b'.repeat(40),
  GITHUB_EVENT_PATH: join(folder, 'event.json'),
  GITHUB_OUTPUT: join(folder, 'output'),
  GITHUB_STEP_SUMMARY: join(folder, 'summary'),
  ...more,
})
const report = (more: Partial<ActionsReport> = {}, variables: Readonly<Record<string, string>> = {}) =>
  reportToActions(
    {
      ...{ verdict: 'pass', summary: 'The candidate may be released.', report: '**Pass.** All is well.' },
      patience: { attempts: 3, firstDelayMs: 0, longestDelayMs: 0 },
      ...more,
    },
    environment(variables),
    callContext(),
  )
const written = (name: string) => readFile(join(folder, name), 'utf8')

describe('reportToActions', () => {
  it('writes outputs and the summary, a check run of the pull request, and one comment that is updated', async () => {
    const text = await report({ outputs: { difference: -0.01, items: undefined } })
    expect(await written('output')).toMatch(
      /^verdict<<(end-[0-9a-f-]+)\npass\n\1\nsummary<<(end-[0-9a-f-]+)\nThe candidate may be released\.\n\2\ndifference<<(end-[0-9a-f-]+)\n-0\.01\n\3\n$/,
    )
    expect(await written('summary')).toBe('### sheikh gate\n\n**Pass.** All is well.\n')
    expect(text).toMatch(
      /^::stop-commands::(\S+)\n\*\*Pass\.\*\* All is well\.\n::\1::\n::notice title=sheikh gate::The/,
    )
    await report({ verdict: 'inconclusive', report: '**Inconclusive.**' })
    expect(state().checkRuns).toMatchObject([
      { name: 'sheikh gate', headSha: sha, conclusion: 'success' },
      { headSha: sha, conclusion: 'neutral' },
    ])
    expect(state().comments).toMatchObject([
      { issue: 7, author: bot, body: '<!-- sheikh-gate sheikh%20gate -->\n### sheikh gate\n\n**Inconclusive.**' },
    ])
    // GitHub refuses an empty title.
    await report({ summary: ' ', comment: false })
    expect(state().checkRuns[2]).toMatchObject({ title: 'success' })
    await report({ name: 'another gate' })
    expect(state().comments).toHaveLength(2)
    await report({ name: 'quiet', comment: false })
    expect(state().comments).toHaveLength(2)
  })

  it('never shows an inconclusive or an absent comparison as a success', async () => {
    expect(await report({ verdict: 'inconclusive' })).toContain('\n::warning title=')
    expect(await report({ verdict: 'error' })).toContain('\n::error title=')
    expect(await report({ verdict: 'fail' })).toContain('\n::error title=')
    expect(state().checkRuns.map(({ conclusion }) => conclusion)).toEqual(['neutral', 'failure', 'failure'])
  })

  it('leaves comments of others alone, also with its marker, and deletes its own duplicates', async () => {
    const marker = '<!-- sheikh-gate sheikh%20gate -->\n'
    const others = [
      { id: 1, issue: 7, author: 'mallory', body: `${marker}**Pass.**` },
      { id: 2, issue: 8, author: bot, body: `${marker}another pull request` },
    ]
    state().comments.push(...others, ...[3, 4].map((id) => ({ id, issue: 7, author: bot, body: `${marker}old` })))
    await report()
    expect(state().comments).toEqual([
      ...others,
      { id: 3, issue: 7, author: bot, body: `${marker}### sheikh gate\n\n**Pass.** All is well.` },
    ])
  })

  it('has a comment for each name, in any script', async () => {
    const author = { SHEIKH_COMMENT_AUTHOR: 'GitHub-Actions[bot]' }
    for (const name of ['质量', '速度', '质量']) await report({ name }, author)
    expect(state().comments.map(({ body }) => body.split('\n')[1])).toEqual(['### 质量', '### 速度'])
  })

  it('finds its comment on the second page, and posts again what was deleted by hand', async () => {
    for (let id = 1; id <= 120; id += 1) state().comments.push({ id, issue: 7, author: 'someone', body: 'hello' })
    await report()
    await report({ report: 'new' })
    expect(state().comments.filter(({ author }) => author === bot)).toHaveLength(1)
    state().comments.length = 0
    await report()
    expect(state().comments).toHaveLength(1)
    // Deleted between listing and updating.
    before = ({ method }) => (method === 'PATCH' ? { status: 404 } : undefined)
    await report({ report: 'newest' })
    expect(state().comments.at(-1)?.body).toContain('newest')
  })

  it('posts once although the answer to the first attempt was lost', async () => {
    let lost = 0
    after = ({ method, path }) => (method === 'POST' && path.includes('comments') && lost++ === 0 ? 'cut' : undefined)
    await report()
    expect(lost).toBe(2)
    expect(state().comments).toHaveLength(1)
  })

  it('creates one check run although the answers to creating and to looking for it were lost', async () => {
    const lost: string[] = []
    after = ({ method, path }) => {
      if (!path.includes('check-runs') || lost.includes(method)) return undefined
      lost.push(method)
      return 'cut'
    }
    await report({ comment: false })
    expect(lost).toEqual(['POST', 'GET'])
    expect(state().checkRuns).toHaveLength(1)
    expect(await written('summary')).not.toContain('failed')
    // A later run of the workflow has a check run of its own.
    await report({ comment: false, verdict: 'fail' })
    expect(state().checkRuns.map(({ conclusion }) => conclusion)).toEqual(['success', 'failure'])
  })

  it.each([429, 500, 502, 503])('tries again after %i', async (status) => {
    let faults = 0
    before = ({ method }) =>
      method === 'POST' && faults++ < 2 ? { status, headers: { 'retry-after': '0' } } : undefined
    await report()
    expect(state().comments).toHaveLength(1)
    expect(await written('summary')).not.toContain('failed')
  })

  it.each([
    ['a token that may only read, as on a pull request from a fork', 'reader', undefined, 'Pull requests from forks'],
    ['422', 'writer', 422, 'the remote answered 422'],
    ['500 to the last attempt', 'writer', 500, 'the server answered 500'],
  ])('%s is mentioned and changes nothing else', async (_name, token, status, fact) => {
    if (status !== undefined) before = ({ method }) => (method === 'POST' ? { status } : undefined)
    const text = await report({ verdict: 'pass' }, { GITHUB_TOKEN: token })
    expect(await written('summary')).toContain(
      `> Commenting failed: ${status === undefined ? 'the token may not' : ''}`,
    )
    expect(await written('summary')).toContain(fact)
    expect(text.match(/^::warning title=sheikh gate::/gm)).toHaveLength(2)
    expect(await written('output')).toContain('\npass\n')
    expect(state().comments).toEqual([])
  })

  it.each<readonly [string, GitHubFault]>([
    ['an object', { status: 200, body: { message: 'maintenance' } }],
    ['null', { status: 200, body: null }],
    ['a page', { status: 200, body: '<html>' }],
    ['a redirect', { status: 302, headers: { location: 'https://elsewhere.example/' } }],
  ])('%s in the place of the list of comments is mentioned, and nothing is posted', async (_name, answer) => {
    before = ({ method, path }) => (method === 'GET' && path.includes('comments') ? answer : undefined)
    await report()
    expect(await written('summary')).toContain('> Commenting failed: Cannot')
    expect(await written('output')).toContain('\npass\n')
    expect(state().comments).toEqual([])
  })

  it('passes over comments without a text', async () => {
    const empty = { id: 1, body: null, user: { login: bot } }
    before = ({ method, path }) =>
      method === 'GET' && path.includes('comments') && state().comments.length === 0
        ? { status: 200, body: [empty] }
        : undefined
    await report()
    expect(state().comments).toHaveLength(1)
  })

  it('writes nothing to GitHub without a token, outside a pull request, or outside Actions', async () => {
    await report({}, { GITHUB_TOKEN: '' })
    expect(github.requests).toEqual([])
    await report({}, { GITHUB_EVENT_PATH: join(folder, 'absent.json') })
    expect(state().checkRuns).toMatchObject([{ headSha: 'b'.repeat(40) }])
    expect(state().comments).toEqual([])
    expect(await reportToActions({ verdict: 'pass', summary: 'a', report: 'b' }, {}, callContext())).toContain('\nb\n')
  })

  it('after workflow_run comments on the pull request of the evaluated commit alone', async () => {
    const run = {
      ...{ event: 'pull_request', head_sha: sha, head_branch: 'topic' },
      head_repository: { owner: { login: 'forker' } },
    }
    await writeFile(join(folder, 'event.json'), JSON.stringify({ workflow_run: run }))
    state().pullRequests.push(
      { number: 1, head: 'forker:topic', headSha: 'c'.repeat(40) },
      { number: 2, head: 'owner:topic', headSha: sha },
    )
    await report()
    expect(state().comments).toEqual([])
    state().pullRequests.push({ number: 3, head: 'forker:topic', headSha: sha })
    await report()
    expect(state().comments).toMatchObject([{ issue: 3 }])
    expect(state().checkRuns.map(({ headSha }) => headSha)).toEqual([sha, sha])
  })

  it('escapes mentions, references, addresses and commands', async () => {
    const hostile =
      '@everyone &commat;here #1 GH-2 https://evil.example www.evil.example\n::error::broken\n::add-mask::a'
    const text = await report({ summary: 'a\r\n::error::b %0A', name: 'x:y,z', report: hostile })
    const { body } = state().comments[0]!
    expect(body).not.toMatch(/@everyone|&commat;|#1|GH-2|https:\/\/evil|www\.evil/)
    const [opening, ...lines] = text.split('\n')
    const token = opening!.slice('::stop-commands::'.length)
    const commands = lines.slice(lines.indexOf(`::${token}::`) + 1)
    expect(commands).toEqual(['::notice title=x%3Ay%2Cz::a%0D%0A::error::b %250A'])
    const outputs = await written('output')
    expect(outputs).toMatch(/summary<<(end-\S+)\na\r\n::error::b %0A\n\1\n/)
  })

  it('stays below the limits of GitHub', async () => {
    await writeFile(join(folder, 'summary'), 'x'.repeat(900_000))
    await report({ report: '| a row with an umlaut: ü |\n'.repeat(60_000) })
    expect(Buffer.byteLength(await written('summary'))).toBeLessThan(1_048_576)
    const { body } = state().comments[0]!
    expect(Buffer.byteLength(body)).toBeLessThan(65_536)
    expect(body).toMatch(/ü \|\n\nThe report is longer: see the summary of the job\.$/)
    expect(state().checkRuns[0]!.summary.length).toBeLessThan(65_536)
  })
})
