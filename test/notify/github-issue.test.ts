import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { githubIssueNotifier, type Notification } from '../../src/notify.js'
import { type GitHubFault, type GitHubRequest, type LoopbackGitHub, startGitHub } from '../../src/testing.js'
import { notification, quick } from './harness.js'

let github: LoopbackGitHub
let after: ((request: GitHubRequest) => GitHubFault | undefined) | undefined

beforeEach(async () => {
  after = undefined
  github = await startGitHub({ tokens: { writer: 'write', reader: 'read' }, after: (request) => after?.(request) })
  github.repository('owner/name')
  onTestFinished(() => github.close())
})

const state = () => github.state.repositories.get('owner/name')!
const notifier = (more = {}) =>
  githubIssueNotifier({
    ...{ repository: 'owner/name', token: 'writer', baseUrl: github.url, patience: quick },
    ...more,
  })
const send = (changes: Partial<Notification> = {}, options = {}) =>
  notifier(options).notify({ ...notification, ...changes }, callContext())

describe('githubIssueNotifier', () => {
  it('opens one issue per project and kind of problem, comments on it, and closes all when a release is published', async () => {
    expect(await send()).toBe('opened #1')
    expect(await send()).toBe('commented on #1')
    expect(await send({ event: 'failed', title: 'Run failed' })).toBe('opened #2')
    expect(await send({ project: 'other' })).toBe('opened #3')
    expect(state().issues).toMatchObject([
      { title: 'spam: Approval needed', labels: ['sheikh'], state: 'open' },
      { title: 'spam: Run failed' },
      { title: 'other: Approval needed' },
    ])
    expect(await send({ event: 'released', title: 'Released 1.4.0' })).toBe('closed #1, #2')
    expect(state().issues.map((issue) => issue.state)).toEqual(['closed', 'closed', 'open'])
    expect(state().comments.map(({ issue }) => issue)).toEqual([1, 1, 2])
    // A closed issue is not opened again.
    expect(await send()).toBe('opened #4')
    expect(await send({ project: 'third', event: 'released' })).toBe('no issue is open')
  })

  it('asks for the events that open an issue, and for those that close it', () => {
    expect(notifier({ events: ['held'] }).events).toEqual(['held', 'released', 'restored', 'rolled_back'])
  })

  it('leaves no second issue if an answer was lost', async () => {
    let lost = false
    after = ({ method, path }) => {
      if (method !== 'POST' || !path.endsWith('/issues') || lost) return undefined
      lost = true
      return 'cut'
    }
    expect(await send()).toBe('opened #1')
    expect(state().issues).toMatchObject([{ state: 'open' }, { state: 'closed', stateReason: 'not_planned' }])
  })

  it('passes over an issue without the label, which anybody can open', async () => {
    await send({}, { labels: ['other'] })
    expect(await send()).toBe('opened #2')
  })

  it('mentions and links nobody', async () => {
    const hostile = '@ada #12 <!-- --> [x](https://evil.example) `code` \u202e'
    await send({ title: hostile, summary: hostile, metrics: [`- ${hostile}`], project: '--> @ada' })
    const { title, body } = state().issues[0]!
    expect(body).toMatch(/^<!-- sheikh-notify --%3E%20%40ada awaiting_approval -->\n/)
    const rest = body.slice(body.indexOf('\n')).replace('[run](<https:', '[run](https:').replace('/7>)', '/7)')
    expect(rest).not.toMatch(/@ada|#12|(?<!\\)<|\u202e/)
    expect(rest).not.toContain('](https://evil')
    expect(rest).toContain('[run](https://github.com/owner/name/actions/runs/7)')
    expect(title).not.toMatch(/\u202e/)
  })

  it('opens and closes an issue as a test', async () => {
    expect(await send({ event: 'test' })).toBe('opened and closed #1')
    expect(state().issues).toMatchObject([{ state: 'closed' }])
  })

  it('says that the token may not write', async () => {
    await expect(send({}, { token: 'reader' })).rejects.toMatchObject({ code: 'access-denied' })
  })

  it('refuses options without a label, and an address that is not https', () => {
    expect(() => notifier({ labels: [] })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    expect(() => notifier({ baseUrl: 'http://github.example.com' })).toThrow(/https/)
  })
})
