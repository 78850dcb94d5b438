// The loop by the generated workflows on a real Git remote: train.yml releases, learn.yml proposes a base and samples of feedback, a
// person merges both, train.yml releases the next model, and a live test promotes it. With act if it is installed, else the steps as
// they are written in the files.
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { actWorkflows } from '../../examples/github/act.js'
import { Project } from '../../examples/github/project.js'
import { gitHubTokens, hubToken, repository, startServers } from '../../examples/github/servers.js'
import { directWorkflows } from '../../examples/github/steps.js'
import { callContext } from '../../src/core/index.js'
import { abTest, thumbs } from '../../src/experiment.js'
import { directoryFeedback } from '../../src/feedback.js'
import { huggingFaceRegistry } from '../../src/huggingface.js'
import { openRepository } from '../../src/repository.js'
import { serve } from '../../src/serve.js'
import { textClassifier, tfjsTrainer } from '../../src/tfjs.js'
import { builtPackage } from '../built-package.js'
import { actionsTool } from './actions-tools.js'

const act = actionsTool('act')
if (act === undefined)
  process.stderr.write('act is not installed (npm run setup:interop): the steps of the workflow are run directly\n')

const folder = mkdtempSync(join(tmpdir(), 'sheikh-learn-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const cron = '0 3 * * 1'
const context = callContext()
const execute = promisify(execFile)

/** What two people ask the first release, and the label that they give it. */
const corrected = {
  'nobody answers my message about the broken scale': 'technical',
  'the scale shows another weight each time': 'technical',
  'the parcel was left in the rain': 'shipping',
}
/** What users of the live test ask. */
const asked = { ...corrected, 'my card was charged for two months': 'billing', 'my account is locked again': 'login' }

const userOf = ({ header }: { readonly header: (name: string) => string | undefined }) => header('sheikh-unit')

it('the generated workflows release, propose a base and samples, and release what was merged, until a live test promotes it', async () => {
  const home = join(folder, 'home')
  mkdirSync(home)
  const own = { PATH: process.env['PATH'] ?? '', HOME: home }
  const git = { GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1', GIT_CEILING_DIRECTORIES: folder }
  const project = new Project(folder, { ...own, ...git })
  const servers = await startServers(folder, project.origin)
  try {
    const command = join(folder, 'bin/sheikh')
    mkdirSync(join(folder, 'bin'))
    const program = join(await builtPackage(), 'dist/cli/main.js')
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
    const surroundings = {
      ...{ folder, origin: project.origin, command, repository },
      variables: { ...own, ...git, ...servers.variables },
      secrets: { HF_TOKEN: hubToken },
      tokens: gitHubTokens,
      signal: new AbortController().signal,
    }
    // GitHub learns at once what is pushed, as it does where it is the remote itself.
    const hook = createServer((_, answer) => void servers.receive().then(() => answer.end()))
    onTestFinished(() => void hook.close())
    await once(hook.listen(0, '127.0.0.1'), 'listening')
    const told = `await fetch("http://127.0.0.1:${(hook.address() as AddressInfo).port}")`
    const script = `#!/bin/sh\nexec '${process.execPath}' --input-type=module -e '${told}'\n`
    writeFileSync(join(project.origin, 'hooks/post-receive'), script, { mode: 0o755 })
    const start = act === undefined ? directWorkflows(surroundings) : actWorkflows(act, surroundings)

    project.run(command, 'init')
    const feedback = join(folder, 'feedback')
    project.edit('mlops/pipeline.yaml', (text) => {
      const document = parse(text)
      document.stages.release.targets = [{ huggingface: { repo: repository, create: 'public' } }]
      document.triggers = {
        weekly: { cron, action: 'continuous_learn' },
        data: { paths: ['dataset/**', 'mlops/training/**'], action: 'retrain' },
      }
      const actions = ['archive_previous_version', 'update_base_model', 'prepare_next_iteration']
      document.stages.continuous_learn = { actions, feedback }
      return JSON.stringify(document)
    })
    project.commit('Learn every week')
    project.run('git', 'branch', '-M', 'main')
    project.run(command, 'init', '--github')
    project.run('git', 'remote', 'add', 'origin', project.origin)
    // Not in step with this process, which answers the hook.
    const push = () => execute('git', ['push', '-q', 'origin', 'main'], { cwd: project.root, env: { ...own, ...git } })
    await push()
    const release = () =>
      start({ name: 'push', workflow: 'train', commit: project.head(), payload: { ref: 'refs/heads/main' } })
    const train = await release()
    expect(train.succeeded, train.output).toBe(true)
    const registry = huggingFaceRegistry({ repository, endpoint: servers.variables.HF_ENDPOINT })
    const first = await registry.current('latest', context)
    expect(first?.version).toBe('0.1.0')

    // Two people correct answers of the release.
    const store = directoryFeedback(feedback)
    const served = { registry, trainer: tfjsTrainer(textClassifier()), port: 0, feedback: { store, source: userOf } }
    {
      await using server = await serve(served)
      for (const [text, correction] of Object.entries(corrected)) {
        const { id: prediction } = await post(`${server.url}/v1/predict`, { inputs: [text] }, 'ann')
        for (const user of ['ann', 'bob']) await post(`${server.url}/v1/feedback`, { prediction, correction }, user)
      }
    }
    project.addTickets()
    project.commit('Twelve more tickets')
    await push()
    const learn = () =>
      start({ name: 'schedule', workflow: 'learn', commit: project.head(), payload: { schedule: cron } })
    const learned = await learn()
    expect(learned.succeeded, learned.output).toBe(true)
    expect(learned.output).toContain('Learned:')
    expect(await registry.channels(context)).toEqual({ latest: '0.1.1', 'archive-0-1-0': '0.1.0' })
    const branches = () =>
      execFileSync('git', ['--git-dir', project.origin, 'for-each-ref', '--format=%(refname:short)'], {
        encoding: 'utf8',
      })
    expect(branches()).toMatch(/^sheikh\/base-0\.1\.1$/m)
    const sampleBranch = /^sheikh\/feedback-\S+$/m.exec(branches())?.[0]
    expect(sampleBranch, `${learned.output}\n${branches()}`).toBeDefined()
    const show = (revision: string) =>
      execFileSync('git', ['--git-dir', project.origin, 'show', revision], { encoding: 'utf8' })
    expect(show('sheikh/base-0.1.1:mlops/training/config.yaml')).toContain('version: 0.1.1')
    for (const text of Object.keys(corrected)) expect(show(`${sampleBranch}`)).toContain(text)
    // Nothing is pushed to the branch that is released from.
    expect(show('main:mlops/training/config.yaml')).not.toContain('warm_start')
    const pulls = await pullRequests(servers.variables.GITHUB_API_URL)
    expect(pulls.map(({ head }) => head.ref).sort()).toEqual(['sheikh/base-0.1.1', sampleBranch])

    const again = await learn()
    expect(again.succeeded, again.output).toBe(true)
    expect(again.output).toContain('Nothing new:')
    expect(await pullRequests(servers.variables.GITHUB_API_URL)).toHaveLength(2)
    expect(await registry.channels(context)).toEqual({ latest: '0.1.1', 'archive-0-1-0': '0.1.0' })

    // A person merges both pull requests.
    project.run('git', 'fetch', '-q', 'origin')
    const merge = (message: string, branch: string) =>
      project.run('git', 'merge', '-q', '--no-ff', '-m', message, `origin/${branch}`)
    merge('Start the training from 0.1.1 [skip train]', 'sheikh/base-0.1.1')
    await push()
    const skipped = await release()
    expect([skipped.succeeded, skipped.output.includes('skips training')], skipped.output).toEqual([true, true])
    merge('Samples of feedback', sampleBranch!)
    await push()
    const trained = await release()
    expect(trained.succeeded, trained.output).toBe(true)
    const next = await registry.current('latest', context)
    expect([next?.version, next?.record.commit]).toEqual(['0.2.0', project.head()])
    expect(next?.record.candidate).toMatchObject({ base: { version: '0.1.1' } })
    expect(next?.record.verdict?.status).toBe('pass')

    // The release of the first schedule against the one that learned from feedback.
    const environment = { ...own, ...git, ...servers.variables, HF_TOKEN: hubToken }
    const pipeline = await (await openRepository(project.root, { environment })).pipeline()
    await pipeline.promote('0.1.1', { to: 'production', by: 'Ada' })
    const test = await abTest({
      ...{ name: 'after-feedback', control: '0.1.1', treatment: '0.2.0', promoteTo: 'production' },
      ...{ metric: thumbs(), margin: 0.02, pipeline, feedback: store },
    })
    {
      await using server = await serve({ ...served, experiment: { test } })
      const questions = Object.entries(asked)
      for (let user = 0; user < 300; user += 1) {
        const [text, label] = questions[user % questions.length]!
        const { id, predictions } = await post(`${server.url}/v1/predict`, { inputs: [text] }, `user-${user}`)
        const thumb = predictions[0]!.label === label ? 'up' : 'down'
        await post(`${server.url}/v1/feedback`, { prediction: id, thumb }, `user-${user}`)
      }
    }
    const report = await test.check()
    expect(report, JSON.stringify(report)).toMatchObject({ result: 'success' })
    expect(await registry.channels(context)).toMatchObject({ latest: '0.2.0', production: '0.2.0' })
    // Throws if an entry was changed, removed or moved.
    const types = (await pipeline.ledger()).map(({ type }) => type)
    expect(types.slice(-4)).toEqual(['promotion', 'experiment', 'experiment', 'promotion'])
  } finally {
    await servers.close()
  }
})

async function pullRequests(url: string): Promise<readonly { readonly head: { readonly ref: string } }[]> {
  const headers = { authorization: `Bearer ${gitHubTokens.read}` }
  const answer = await fetch(`${url}/repos/${repository}/pulls?state=all`, { headers })
  return (await answer.json()) as never
}

interface Answer {
  readonly id: string
  readonly predictions: readonly { readonly label: string }[]
}

async function post(url: string, body: object, user: string): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'sheikh-unit': user }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Answer
}
