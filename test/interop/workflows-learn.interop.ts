// The generated learn.yml on a real Git remote: a scheduled run, then the job that proposes. With act if it is installed, else the
// steps as they are written in the file.
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
import { directoryFeedback } from '../../src/feedback.js'
import { huggingFaceRegistry } from '../../src/huggingface.js'
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

it('the workflow learn.yml releases, archives, and proposes a base and samples as pull requests, once', async () => {
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
      document.triggers = { weekly: { cron, action: 'continuous_learn' } }
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
    const train = await start({
      ...{ name: 'push', workflow: 'train', commit: project.head(), payload: { ref: 'refs/heads/main' } },
    })
    expect(train.succeeded, train.output).toBe(true)
    const registry = huggingFaceRegistry({ repository, endpoint: servers.variables.HF_ENDPOINT })
    const first = await registry.current('latest', context)
    expect(first?.version).toBe('0.1.0')

    // What people said about an answer of the release.
    const store = directoryFeedback(feedback)
    const release = { version: first!.version, bundle: first!.bundle }
    const text = 'nobody answers my message about the broken scale'
    const prediction = { kind: 'label', label: 'shipping' } as const
    const timeMs = Date.now()
    const content = { kind: 'correction', target: 'technical' } as const
    const saidBy = (source: string) =>
      ({ kind: 'feedback', id: source, prediction: 'one/0', timeMs, source, content }) as const
    await store.append(
      [{ kind: 'prediction', id: 'one/0', timeMs, release, input: text, prediction }, saidBy('ann'), saidBy('bob')],
      context,
    )
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
    expect(show(`${sampleBranch}`)).toContain(text)
    // Nothing is pushed to the branch that is released from.
    expect(show('main:mlops/training/config.yaml')).not.toContain('warm_start')
    const pulls = await pullRequests(servers.variables.GITHUB_API_URL)
    expect(pulls.map(({ head }) => head.ref).sort()).toEqual(['sheikh/base-0.1.1', sampleBranch])

    const again = await learn()
    expect(again.succeeded, again.output).toBe(true)
    expect(again.output).toContain('Nothing new:')
    expect(await pullRequests(servers.variables.GITHUB_API_URL)).toHaveLength(2)
    expect(await registry.channels(context)).toEqual({ latest: '0.1.1', 'archive-0-1-0': '0.1.0' })
  } finally {
    await servers.close()
  }
})

async function pullRequests(url: string): Promise<readonly { readonly head: { readonly ref: string } }[]> {
  const headers = { authorization: `Bearer ${gitHubTokens.read}` }
  const answer = await fetch(`${url}/repos/${repository}/pulls?state=all`, { headers })
  return (await answer.json()) as never
}
