import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryFeedback, type FeedbackEntry } from '../../src/feedback/index.js'
import { checkedChannel } from '../../src/releaser/index.js'
import { openRepository } from '../../src/repository/index.js'
import { archiveChannel } from '../../src/repository/learn.js'
import { sheikh, sheikhJson } from '../cli/harness.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitStatus, temporaryFolder } from './harness.js'
import { project, sample } from './project.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: continuous learning, since ${gitIsMissing}\n`)

const pipelineOf = (actions: string) =>
  `pipeline: { name: tiny }\ntriggers:\n  weekly: { cron: "0 3 * * 1", action: continuous_learn }\nstages:\n  validate_weights: { when_inconclusive: release, checks: [ { accuracy_threshold: 0.15 } ] }\n  continuous_learn: { ${actions} }\n`
const all = 'actions: [update_base_model, archive_previous_version, prepare_next_iteration], feedback: feedback'
const training = '# Settings of the team\ntraining:\n  num_train_epochs: 2 # enough\n'

/** A project with a remote. */
async function remoteProject(actions = all, isReleased = false) {
  const made = await project(
    {
      '.gitignore': '.sheikh/\nreleases/\nfeedback/\n',
      'mlops/pipeline.yaml': pipelineOf(actions),
      'mlops/training/config.yaml': training,
    },
    { isReleased },
  )
  const { root } = made
  const origin = join(temporaryFolder(), 'origin.git')
  git(root, 'init', '-q', '--bare', '-b', 'main', origin)
  git(root, 'remote', 'add', 'origin', origin)
  git(root, 'config', 'user.name', 'Ann Example')
  git(root, 'config', 'user.email', 'ann@example.org')
  git(root, 'push', '-q', 'origin', 'HEAD:main')
  mkdirSync(join(root, 'feedback'))
  const branches = () =>
    git(origin, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/sheikh').split('\n').filter(Boolean)
  return { ...made, origin, branches, feedback: directoryFeedback(join(root, 'feedback')) }
}

const run = async (root: string) => (await (await openRepository(root)).pipeline()).run()

/** Two people correct two answers. */
async function correct(feedback: ReturnType<typeof directoryFeedback>, texts: readonly string[]): Promise<void> {
  const entries = texts.flatMap((text, index): FeedbackEntry[] => [
    {
      ...{ kind: 'prediction', id: `p${index}/0`, timeMs: index, input: text },
      release: { version: '0.1.0', bundle: `sha256:${'0'.repeat(64)}` },
      prediction: { kind: 'label', label: 'fruit' },
    },
    {
      ...{ kind: 'feedback', id: `f${index}`, prediction: `p${index}/0`, timeMs: index, source: `person-${index}` },
      content: { kind: 'correction', target: 'vehicle' },
    },
  ])
  await feedback.append(entries, callContext())
}

it('the channel of an archived version is that of no other version', () => {
  const long = `1.0.0-${'a'.repeat(80)}`
  const versions = ['1.0.0', '1.0.0-rc.1', '1.0.0-rc-1', '1.0.0-RC.1', '1.0.0-1', '1.0.0+1', `${long}.1`, `${long}.2`]
  const channels = versions.map(archiveChannel)
  expect(channels[0]).toBe('archive-1-0-0')
  expect(new Set(channels).size).toBe(versions.length)
  for (const channel of channels) expect(checkedChannel(channel)).toBe(channel)
})

describe.skipIf(gitIsMissing !== undefined)('Repository.learn', () => {
  it('archives, proposes a base and samples, and finds nothing new the second time', async () => {
    const { root, origin, put, commit, repository, branches, feedback } = await remoteProject()
    expect(await repository.learn()).toMatchObject({
      status: 'nothing-new',
      steps: [
        { action: 'archive_previous_version', detail: 'There is no previous release.' },
        { action: 'update_base_model', detail: 'There is no release yet.' },
        { action: 'prepare_next_iteration', status: 'nothing-new' },
      ],
    })
    await run(root)
    put('dataset/samples/all/90.json', { ...sample(90), text: 'plum 90' })
    await commit('More')
    const second = await run(root)
    if (second.status !== 'released') throw new Error(second.status)
    const { version, bundle } = second.release
    await correct(feedback, ['tram to the harbour', 'ferry over the lake'])
    const before = [gitStatus(root), git(root, 'rev-parse', 'HEAD'), git(origin, 'rev-parse', 'main')]

    const learned = await repository.learn()
    expect(learned.steps.map(({ status }) => status)).toEqual(['done', 'done', 'done'])
    expect(learned.steps[0]!.detail).toBe('The channel "archive-0-1-0" keeps 0.1.0.')
    expect(learned.drift).toMatchObject({ status: 'not-enough-data' })
    expect([gitStatus(root), git(root, 'rev-parse', 'HEAD'), git(origin, 'rev-parse', 'main')]).toEqual(before)
    expect(branches()).toEqual([`sheikh/base-${version}`, expect.stringMatching(/^sheikh\/feedback-/)])
    expect(git(origin, 'show', `sheikh/base-${version}:mlops/training/config.yaml`)).toBe(
      `${training}  warm_start:\n    version: ${version}\n    digest: ${bundle}\n`,
    )
    expect(git(origin, 'log', '-1', '--format=%s', `sheikh/base-${version}`)).toContain('[skip train]')
    // An archived release can be loaded by the name of its channel.
    const model = await repository.loadModel({ channel: 'archive-0-1-0' })
    expect(model.release.version).toBe('0.1.0')
    await model[Symbol.asyncDispose]()

    const again = await repository.learn()
    expect(again.status).toBe('nothing-new')
    expect(again.steps.map(({ status }) => status)).toEqual(['nothing-new', 'nothing-new', 'nothing-new'])
    expect(branches().length).toBe(2)
  })

  itInFull('keeps what a person changed in a proposed base', async () => {
    const { root, origin, repository } = await remoteProject('actions: [update_base_model]', true)
    const { branch } = (await repository.learn()).steps[0]!.proposed!
    const other = join(temporaryFolder(), 'other')
    git(root, 'clone', '-q', '-b', branch, origin, other)
    appendFileSync(join(other, 'mlops/training/config.yaml'), '    replay_share: 0.5\n')
    git(other, 'commit', '-qam', 'Replay a half')
    git(other, 'push', '-q', 'origin', branch)
    const tip = git(other, 'rev-parse', 'HEAD')
    expect((await repository.learn()).steps[0]).toMatchObject({ status: 'nothing-new', proposed: { branch } })
    expect(git(origin, 'rev-parse', branch)).toBe(tip)
  })

  it('completes what a killed call left undone', async () => {
    const { origin, repository, branches } = await remoteProject('actions: [update_base_model]', true)
    const first = await repository.learn()
    const branch = first.steps[0]!.proposed!.branch
    // As if the call had ended before the push.
    git(origin, 'update-ref', '-d', `refs/heads/${branch}`)
    expect((await repository.learn()).steps[0]).toMatchObject({ status: 'done', proposed: { branch } })
    expect(branches()).toEqual([branch])
  })

  it('a merged base is where the next training starts, and starts no run by its own message', async () => {
    const { root, repository, put, commit } = await remoteProject('actions: [update_base_model]', true)
    const { proposed } = (await repository.learn()).steps[0]!
    git(root, 'fetch', '-q', 'origin', proposed!.branch)
    git(root, 'merge', '-q', '--ff-only', 'FETCH_HEAD')
    expect((await repository.triggered()).reason).toMatch(/skips training/)
    expect((await repository.learn()).steps[0]!.detail).toBe('The training starts from 0.1.0 already.')
    put('dataset/samples/all/91.json', { ...sample(91), text: 'plum 91' })
    await commit('More')
    const result = await run(root)
    expect(result.status).toBe('released')
    const candidate = 'release' in result ? result.release.record.candidate : undefined
    expect(candidate?.base).toMatchObject({ version: '0.1.0' })
  })

  it('reports why feedback makes no sample', async () => {
    const { feedback, repository } = await remoteProject('actions: [prepare_next_iteration], feedback: feedback')
    // One source gives at most half of a batch.
    await correct(feedback, ['tram to the harbour'])
    const { steps } = await repository.learn()
    expect(steps[0]).toMatchObject({ status: 'nothing-new', detail: expect.stringMatching(/Left out: [\w-]+ 1\./) })
  })

  it('skips what it has no folder for, and does nothing without actions', async () => {
    const { repository } = await remoteProject('actions: [prepare_next_iteration]')
    expect(await repository.learn()).toMatchObject({
      status: 'nothing-new',
      steps: [{ status: 'skipped', detail: expect.stringContaining('stages.continuous_learn.feedback') }],
    })
    const config = `const { warmStart: _, ...trainer } = globalThis[Symbol.for('sheikh-freemium.test-trainer')]\nexport default { trainer }\n`
    const scratch = await project({
      'mlops/pipeline.yaml': pipelineOf('actions: [update_base_model]'),
      'sheikh.config.mjs': config,
    })
    await run(scratch.root)
    expect((await scratch.repository.learn()).steps).toEqual([
      { action: 'update_base_model', status: 'skipped', detail: 'The trainer "fake" cannot start from a release.' },
    ])
    const { root } = await project()
    expect(await (await openRepository(root)).learn()).toEqual({ status: 'nothing-new', steps: [] })
  })
})

describe.skipIf(gitIsMissing !== undefined)('the command line', () => {
  itInFull('learn runs and does the rest; run does so for a trigger with continuous_learn', async () => {
    const { root, branches } = await remoteProject()
    const { code, json } = await sheikhJson(root, 'learn')
    expect(code).toBe(0)
    expect(json).toMatchObject({ run: { status: 'released' }, learned: { status: 'done' } })
    expect(branches()).toEqual(['sheikh/base-0.1.0'])
    const again = await sheikh(root, ['learn', '--after-run'])
    expect(again.code).toBe(0)
    expect(again.out).toMatch(/^Nothing new:\n {2}archive_previous_version: There is no previous release\.\n/)
    const scheduled = await sheikhJson(root, 'run', '--if-triggered', '--schedule', '0 3 * * 1')
    expect(scheduled.json).toMatchObject({ status: 'up-to-date', learned: { status: 'nothing-new' } })
    expect((await sheikhJson(root, 'run')).json.learned).toBeUndefined()
  })
})
