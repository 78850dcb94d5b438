import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { type BatchRecord, type FeedbackStore, memoryFeedback } from '../../src/feedback/index.js'
import { openRepository } from '../../src/repository/index.js'
import { type LoopbackGitHub, startGitHub } from '../../src/testing/github/index.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitCheck, gitStatus, temporaryFolder } from './harness.js'
import { project } from './project.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: feedback in Git, since ${gitIsMissing}\n`)

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
let clock = 1_000

/** Corrections of the answer "fruit", each of an input of its own. */
async function say(store: FeedbackStore, corrections: Readonly<Record<string, string>>, source: string): Promise<void> {
  for (const [text, target] of Object.entries(corrections)) {
    const id = `p${clock}`
    await store.append(
      [
        {
          kind: 'prediction',
          ...{ id, input: text, timeMs: clock++ },
          release: { version: '0.1.0', bundle: digestBytes('bundle') },
          prediction: { kind: 'label', label: 'fruit' },
        },
        {
          kind: 'feedback',
          ...{ id: `f${clock}`, prediction: id, source, timeMs: clock++ },
          content: { kind: 'correction', target },
        },
      ],
      context,
    )
  }
}

async function clone() {
  const { root, put, commit } = await project()
  git(root, 'branch', '-M', 'main')
  const origin = join(temporaryFolder(), 'origin.git')
  git(root, 'init', '-q', '--bare', '-b', 'main', origin)
  git(root, 'remote', 'add', 'origin', origin)
  git(root, 'push', '-q', 'origin', 'main')
  const store = memoryFeedback()
  await say(store, { 'tram of the night': 'vehicle', 'fig in the tree': 'fruit' }, 'ann')
  await say(store, { 'lorry at the gate': 'vehicle', 'plum on a plate': 'fruit' }, 'bob')
  return { root, origin, put, commit, store }
}

const branches = (folder: string) =>
  git(folder, 'branch', '--list', 'sheikh/*', '--format=%(refname:short)').trim().split('\n').filter(Boolean)

describe.skipIf(gitIsMissing !== undefined)('proposed feedback', () => {
  it('needs a commit, also if a proposal waits at the remote', async () => {
    const { root, origin, store } = await clone()
    await (await openRepository(root, { environment: {} })).proposeFeedback(store, { author })
    const fresh = join(temporaryFolder(), 'fresh')
    cpSync(root, fresh, { recursive: true, filter: (path) => !path.endsWith('/.git') && !path.endsWith('/.sheikh') })
    git(fresh, 'init', '-q', '-b', 'main')
    git(fresh, 'remote', 'add', 'origin', origin)
    const repository = await openRepository(fresh, { environment: {} })
    await expect(repository.proposeFeedback(store, { author })).rejects.toMatchObject({
      code: 'repository-invalid',
      message: expect.stringContaining('the repository has no commits. Commit the project first.'),
    })
  })

  it('is a branch with the samples and their record, and leaves work tree, index and HEAD as they are', async () => {
    const { root, origin, put, store } = await clone()
    put('prompts/inference/ask.txt', 'Edited {{ text }}\n')
    put('staged.txt', 'staged')
    git(root, 'add', 'staged.txt')
    const before = [gitStatus(root), git(root, 'rev-parse', 'HEAD'), git(root, 'for-each-ref', 'refs/heads')]
    const repository = await openRepository(root, { environment: {} })
    const { status, batch, proposed } = await repository.proposeFeedback(store, { author })
    expect(status).toBe('proposed')
    expect(batch.samples).toHaveLength(4)
    expect([gitStatus(root), git(root, 'rev-parse', 'HEAD'), git(root, 'for-each-ref', 'refs/heads')]).toEqual(before)
    const branch = `sheikh/feedback-${batch.id}`
    expect(proposed).toMatchObject({ branch, remote: 'origin' })
    expect(branches(origin)).toEqual([branch])
    const lines = git(origin, 'show', `${branch}:dataset/samples/feedback/${batch.id}.jsonl`).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(batch.samples.map(({ sample }) => sample))
    const record = git(origin, 'show', `${branch}:dataset/feedback/${batch.id}.json`)
    expect(JSON.parse(record) as BatchRecord).toMatchObject({
      batch: batch.id,
      samples: batch.samples.map(({ origin: from }) => from),
    })
    expect(record).not.toContain('tram')
    const message = git(origin, 'log', '-1', '--format=%B', branch)
    expect(message).toMatch(/^Add 4 samples from feedback/)
    expect(message).toContain('"fruit" → "vehicle": 2')
    expect(message).toContain('What this does not prove')
    expect(message).not.toContain('tram')
    gitCheck(origin)
  })

  it('is proposed once, and only what is new comes into the next batch', async () => {
    const { root, origin, store } = await clone()
    const repository = await openRepository(root, { environment: {} })
    const first = await repository.proposeFeedback(store, { author })
    const again = await repository.proposeFeedback(store, { author })
    expect(again).toMatchObject({
      status: 'nothing-new',
      waiting: [{ status: 'known', commit: first.proposed!.commit }],
    })
    expect(branches(origin)).toHaveLength(1)
    // Another machine knows nothing but the remote.
    const other = join(temporaryFolder(), 'other')
    git(root, 'clone', '-q', origin, other)
    await say(store, { 'van under the bridge': 'vehicle' }, 'cho')
    await say(store, { 'pear from the garden': 'fruit' }, 'dee')
    const next = await (await openRepository(other, { environment: {} })).proposeFeedback(store, { author })
    expect(next.batch.samples.map(({ sample }) => sample['text']).sort()).toEqual([
      'pear from the garden',
      'van under the bridge',
    ])
    expect(branches(origin)).toHaveLength(2)
    git(other, 'fetch', '-q')
    for (const branch of branches(origin)) git(other, 'merge', '-q', '--no-edit', `origin/${branch}`)
    const merged = await openRepository(other, { environment: {} })
    expect(await merged.proposeFeedback(store, { author })).toMatchObject({ status: 'nothing-new', waiting: [] })
    expect((await merged.validate()).counts.rows).toBe(46)
  })

  it('stays a branch of the clone without a remote', async () => {
    const { root, store } = await clone()
    git(root, 'remote', 'remove', 'origin')
    const repository = await openRepository(root, { environment: {} })
    const { proposed } = await repository.proposeFeedback(store, { author, includeText: true })
    expect(branches(root)).toEqual([proposed!.branch])
    expect(git(root, 'log', '-1', '--format=%B', proposed!.branch)).toContain('tram of the night')
    expect(await repository.proposeFeedback(store, { author })).toMatchObject({
      status: 'nothing-new',
      waiting: [{ branch: proposed!.branch }],
    })
  })

  it('names a folder that a run does not read or train on', async () => {
    const { root, put, store } = await clone()
    put('mlops/training/config.yaml', 'data: { categories: [all] }\n')
    const repository = await openRepository(root, { environment: {} })
    await expect(repository.proposeFeedback(store, { author })).rejects.toThrow(/only trains on the categories all/)
    await expect(repository.proposeFeedback(store, { author, folder: '../x' })).rejects.toThrow(/outside the folder/)
    expect((await repository.proposeFeedback(store, { author, folder: 'all/feedback' })).status).toBe('proposed')
  })
})

describe.skipIf(gitIsMissing !== undefined)('the pull request of a batch', () => {
  let github: LoopbackGitHub | undefined
  afterEach(() => github?.close())

  itInFull(
    'is opened by the next call if a call was killed after the push, once, and not again when it was closed',
    async () => {
      const { root, origin, store } = await clone()
      let isDown = true
      github = await startGitHub({
        before: ({ path }) => (isDown && path.includes('/pulls') ? { status: 403 } : undefined),
      })
      const { state, receive } = github.repository('ann/project')
      const environment = { GITHUB_TOKEN: github.token, GITHUB_REPOSITORY: 'ann/project', GITHUB_API_URL: github.url }
      const repository = await openRepository(root, { environment })
      const first = await repository.proposeFeedback(store, { author })
      expect(first.proposed).toMatchObject({
        status: 'proposed',
        problem: expect.stringContaining('Cannot list the pull requests'),
      })
      await receive(origin)
      isDown = false
      const resumed = await repository.proposeFeedback(store, { author })
      expect(resumed).toMatchObject({
        status: 'nothing-new',
        waiting: [{ pullRequest: 'https://github.com/ann/project/pull/1' }],
      })
      const [opened] = state.pullRequests
      expect(opened).toMatchObject({ title: `Add 4 samples from feedback (${first.batch.id})`, base: 'main' })
      expect(opened!.body).toContain('Answers and corrections')
      await repository.proposeFeedback(store, { author })
      opened!.state = 'closed'
      await repository.proposeFeedback(store, { author })
      expect(state.pullRequests).toHaveLength(1)
    },
  )
})

describe.skipIf(gitIsMissing !== undefined)('an undone batch', () => {
  async function merged() {
    const { root, put, commit, store } = await clone()
    git(root, 'remote', 'remove', 'origin')
    const repository = await openRepository(root, { environment: {} })
    const { batch, proposed } = await repository.proposeFeedback(store, { author })
    git(root, 'merge', '-q', '--ff-only', proposed!.branch)
    const path = `dataset/samples/feedback/${batch.id}.jsonl`
    return { root, put, commit, store, repository, batch, path }
  }

  it('is gone by one commit, also if other commits followed, and does not come back', async () => {
    const { root, put, commit, store, repository, batch, path } = await merged()
    const before = await repository.validate()
    put('dataset/samples/all/new.json', { id: 'new', text: 'ship number 1', label: 'vehicle' })
    await commit('More data')
    const { fingerprint } = await repository.validate()
    const undone = await repository.undoFeedback(batch.id, { author, reason: 'spam' })
    expect(undone.removed).toEqual(batch.samples.map(({ origin }) => origin.id))
    expect(undone.kept).toEqual([])
    expect(gitStatus(root)).toBe('')
    expect(git(root, 'rev-parse', 'HEAD').trim()).toBe(undone.commit)
    const after = await repository.validate()
    expect(after.counts.rows).toBe(before.counts.rows - 4 + 1)
    expect(after.fingerprint).not.toBe(fingerprint)
    expect(existsSync(join(root, path))).toBe(false)
    expect(await repository.proposeFeedback(store, { author })).toMatchObject({ status: 'nothing-new', waiting: [] })
    await expect(repository.undoFeedback(batch.id, { author })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(repository.undoFeedback('123', { author })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('keeps and lists what people edited, moved, removed or pinned, and what they added to its file', async () => {
    const { root, put, repository, batch, path } = await merged()
    const lines = readFileSync(join(root, path), 'utf8').trim().split('\n')
    const ids = batch.samples.map(({ origin }) => origin.id)
    const edited = JSON.stringify({ ...(JSON.parse(lines[0]!) as object), label: 'vehicle', text: 'edited text' })
    const added = JSON.stringify({ id: 'own', text: 'my own sample', label: 'fruit' })
    put(path, `${[edited, lines[3], added].join('\n')}\n`)
    put('dataset/samples/all/moved.json', lines[1]!)
    await repository.addToEvaluation([ids[3]!])
    await expect(repository.undoFeedback(batch.id, { author })).rejects.toMatchObject({ code: 'repository-dirty' })
    await repository.commit({ message: 'Clean up', author })
    const { removed, kept } = await repository.undoFeedback(batch.id, { author })
    expect(removed).toEqual([])
    expect(kept).toEqual([
      { id: ids[0], reason: 'edited', path },
      { id: ids[1], reason: 'moved', path: 'dataset/samples/all/moved.json' },
      { id: ids[2], reason: 'missing' },
      { id: ids[3], reason: 'pinned', path },
    ])
    expect(readFileSync(join(root, path), 'utf8')).toBe(`${[edited, lines[3], added].join('\n')}\n`)
  })

  it('is not removed from a file outside the project that its record names', async () => {
    const { root, put, repository, batch, path } = await merged()
    const record = `dataset/feedback/${batch.id}.json`
    const text = readFileSync(join(root, record), 'utf8')
    for (const other of ['../elsewhere.jsonl', 'dataset/../../elsewhere.jsonl', '/elsewhere.jsonl']) {
      put(record, text.replace(path, other))
      await repository.commit({ message: 'Change a record', author })
      await expect(repository.undoFeedback(batch.id, { author })).rejects.toMatchObject({ code: 'artifact-corrupt' })
    }
  })

  itInFull('is removed also where it makes the dataset invalid', async () => {
    const { root, put, repository, batch, path } = await merged()
    const [first, second, ...rest] = readFileSync(join(root, path), 'utf8').trim().split('\n')
    put(path, `${[second, ...rest].join('\n')}\n`)
    put('dataset/samples/all/copy.json', second!)
    await repository.commit({ message: 'Copy a sample', author })
    await expect(repository.validate()).rejects.toMatchObject({ code: 'dataset-invalid' })
    const { removed, kept } = await repository.undoFeedback(batch.id, { author })
    expect(removed).toHaveLength(3)
    expect(kept).toEqual([{ id: (JSON.parse(first!) as { id: string }).id, reason: 'missing' }])
    expect((await repository.validate()).counts.rows).toBe(41)
  })
})
