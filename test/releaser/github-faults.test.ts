import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { githubRegistry } from '../../src/releaser/github/index.js'
import { nextVersion, type Release, type Releaser, readBundle } from '../../src/releaser/index.js'
import { type GitHubFault, type GitHubState, gitHubState, startGitHub } from '../../src/testing/github/index.js'
import { isWhole, sampleOf } from '../whole.js'

const context = callContext()
const repository = 'owner/name'
let folder: string
/** With one release, 0.1.0, on the channel. */
let first: GitHubState

async function makeBundle(name: string) {
  const directory = join(folder, name)
  await mkdir(join(directory, 'prompts'), { recursive: true })
  await writeFile(join(directory, 'model.bin'), `model ${name}`)
  await writeFile(join(directory, 'prompts/a.txt'), 'the same prompt')
}

async function historyOf(registry: Releaser): Promise<readonly Release[]> {
  const found: Release[] = []
  for await (const one of registry.history(context)) found.push(one)
  return found
}

async function finish(registry: Releaser, { version, postPublish }: Release): Promise<void> {
  const current = await registry.current('latest', context)
  if (current?.version !== version) await registry.point('latest', version, current?.version, context)
  for (const withdrawn of postPublish.withdraws)
    await registry.withdraw(withdrawn, postPublish.reason ?? 'none', context)
}

/** What a run does with a registry: ends what an earlier one left, then releases, unless that was it. */
async function run(registry: Releaser, name: string, withdraws: readonly string[]): Promise<void> {
  for await (const { pending, publishing } of registry.pending(context))
    if (publishing) await registry.publish(pending, context)
    else await registry.discard(pending, context)
  const history = await historyOf(registry)
  const made = await readBundle(join(folder, name), context)
  if (history[0] !== undefined) await finish(registry, history[0])
  if (history[0]?.bundle === made.digest) return
  const pending = await registry.prepare(
    {
      bundle: made,
      version: nextVersion(history.map(({ version }) => version)),
      postPublish: { channel: 'latest', withdraws, reason: 'worse' },
      record: { runId: `run-${runs++}`, atMs: 0 },
    },
    context,
  )
  await registry.verify(pending, context)
  await finish(registry, await registry.publish(pending, context))
}
let runs = 0

const open = (github: { url: string; token: string }, attempts: number) =>
  githubRegistry({
    repository,
    token: github.token,
    baseUrl: github.url,
    patience: { attempts, firstDelayMs: 0, longestDelayMs: 0 },
  })

/** What a reader sees, every file of every release hashed. */
async function readersSee(registry: Releaser): Promise<string> {
  const seen: string[] = []
  for (const { version, bundle: digest, withdrawn } of await historyOf(registry)) {
    const target = await mkdtemp(join(folder, 'open-'))
    const { directory } = await registry.open(version, target, context)
    expect((await readBundle(directory, context)).digest).toBe(digest)
    await rm(target, { recursive: true })
    seen.push(withdrawn === undefined ? version : `${version} (${withdrawn.reason})`)
  }
  return `${(await registry.current('latest', context))?.version} of ${seen.join(', ')}`
}

const states = ['0.1.0 of 0.1.0', '0.1.0 of 0.1.1, 0.1.0', '0.1.1 of 0.1.1, 0.1.0', '0.1.1 of 0.1.1, 0.1.0 (worse)']

/** A release during which something happens at request number `at`, or from then on. @returns what it ended with. */
async function tryFault(at: number, fault: GitHubFault, how: Trial): Promise<{ state: GitHubState; error: unknown }> {
  const state = structuredClone(first)
  const hit = ({ number }: { number: number }) => (number === at || (how.stays && number > at) ? fault : undefined)
  const broken = await startGitHub({ state, immutable: true, [how.when]: hit })
  const error = await run(open(broken, how.attempts), 'two', ['0.1.0']).catch((thrown: unknown) => thrown)
  await broken.close()
  return { state, error }
}

/** Starts a server again from what another left. */
async function withServer<R>(state: GitHubState, act: (registry: Releaser) => Promise<R>): Promise<R> {
  const github = await startGitHub({ state, immutable: true })
  try {
    return await act(open(github, 1))
  } finally {
    await github.close()
  }
}

function expectNothingLeft(state: GitHubState): void {
  const { releases, refs, latestId } = state.repositories.get(repository)!
  expect(releases.map(({ isDraft, tagName }) => `${tagName} ${isDraft}`)).toEqual(['v0.1.0 false', 'v0.1.1 false'])
  expect([...refs.keys()].sort()).toEqual([
    'refs/heads/main',
    'refs/heads/sheikh-registry',
    'refs/tags/v0.1.0',
    'refs/tags/v0.1.1',
  ])
  expect(latestId).toBe(releases[1]!.id)
}

interface Trial {
  readonly when: 'before' | 'after'
  readonly attempts: number
  readonly stays: boolean
}

let requests: number

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-github-'))
  for (const name of ['one', 'two']) await makeBundle(name)
  first = gitHubState()
  const github = await startGitHub({ state: first, immutable: true })
  github.repository(repository)
  await run(open(github, 1), 'one', [])
  await github.close()
  const counting = await startGitHub({ state: structuredClone(first), immutable: true })
  await run(open(counting, 1), 'two', ['0.1.0'])
  requests = counting.requests.length
  await counting.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function forEachRequest(act: (at: number) => Promise<void>): Promise<void> {
  const left = Array.from({ length: requests }, (_, index) => index + 1).filter((at) => isWhole || at % 16 === 0)
  const worker = async () => {
    for (let at = left.shift(); at !== undefined; at = left.shift()) await act(at)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}

const cuts: readonly (readonly [string, GitHubFault, 'before' | 'after'])[] = [
  ['a cut before it was heard', 'cut', 'before'],
  ['a cut before its answer', 'cut', 'after'],
]
const faults: typeof cuts = [
  ...cuts,
  ['a 500', { status: 500 }, 'before'],
  ['a 429', { status: 429, headers: { 'retry-after': '0' } }, 'before'],
]

describe('a release to GitHub', () => {
  it.each(sampleOf(faults, 2))('goes on by itself after any one request ended in %s', async (_, fault, when) => {
    expect(requests).toBeGreaterThan(30)
    await forEachRequest(async (at) => {
      const { state, error } = await tryFault(at, fault, { when, attempts: 3, stays: false })
      expect(error, `request ${at}`).toBe(undefined)
      expectNothingLeft(state)
      if (at % 8 === 0) expect(await withServer(state, readersSee)).toBe(states.at(-1))
    })
  })

  it.each(sampleOf(cuts, 1))(
    'that ends at any request, with %s, is whole for readers and mended by the next',
    async (_, cut, when) => {
      const seen = new Set<string>()
      await forEachRequest(async (at) => {
        const { state, error } = await tryFault(at, cut, { when, attempts: 1, stays: true })
        expect(error).toSatisfy((thrown: unknown) => isSheikhError(thrown, 'remote-failed') && thrown.retryable)
        await withServer(state, async (registry) => {
          const between = await readersSee(registry)
          expect(states, `request ${at}`).toContain(between)
          seen.add(between)
          await run(registry, 'two', ['0.1.0'])
        })
        expect(await withServer(state, readersSee)).toBe(states.at(-1))
        expectNothingLeft(state)
      })
      // The last write was done where only its answer was lost.
      if (isWhole) expect([...seen].sort()).toEqual(states.slice(0, when === 'after' ? 4 : 3))
    },
  )
})
