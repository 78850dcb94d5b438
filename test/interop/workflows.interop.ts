import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { actWorkflows } from '../../examples/github/act.js'
import type { WorkflowEvent, WorkflowResult } from '../../examples/github/run-workflow.js'
import { callContext } from '../../src/core/index.js'
import { huggingFaceRegistry } from '../../src/huggingface.js'
import { initRepository, writeWorkflows } from '../../src/repository.js'
import { type Hub, type LoopbackGitHub, startGitHub, startHub } from '../../src/testing.js'
import { builtPackage } from '../built-package.js'
import { actionsTool } from './actions-tools.js'

const [act, actionlint, zizmor] = [actionsTool('act'), actionsTool('actionlint'), actionsTool('zizmor')]
for (const [name, path] of Object.entries({ act, actionlint, zizmor }))
  if (path === undefined) process.stderr.write(`skipped: ${name} is not installed. Install it: npm run setup:interop\n`)

const folder = mkdtempSync(join(tmpdir(), 'sheikh-workflows-'))
const [project, origin] = [join(folder, 'project'), join(folder, 'origin.git')]
const identity = {
  ...{ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@localhost' },
  ...{ GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@localhost' },
}
const git = (...parameters: readonly string[]) =>
  execFileSync('git', [...parameters], { cwd: project, encoding: 'utf8', env: { ...process.env, ...identity } }).trim()
const workflows = () => readdirSync(join(project, '.github/workflows')).map((name) => join('.github/workflows', name))
const edit = (path: string, change: (text: string) => string) =>
  writeFileSync(join(project, path), change(readFileSync(join(project, path), 'utf8')))

let hub: Hub
let github: LoopbackGitHub
const hubToken = 'hf_OnlyTheReleaseMayUseThis'
const sha = 'a'.repeat(40)

beforeAll(async () => {
  hub = await startHub({ folder: join(folder, 'hub'), tokens: [{ token: hubToken, role: 'write' }] })
  github = await startGitHub({ tokens: { writer: 'write' } })
  github.repository('owner/name')
  github.state.repositories.get('owner/name')!.pullRequests.push({ number: 7, head: 'somebody:change', headSha: sha })
  await initRepository(project)
  edit('mlops/pipeline.yaml', (text) =>
    text.replace('- directory: { path: releases }', '- huggingface: { repo: team/spam, create: public }'),
  )
  git('commit', '-qam', 'Release to the Hub')
  git('branch', '-M', 'main')
  await writeWorkflows(project)
})
afterAll(async () => {
  await hub?.close()
  await github?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the generated workflows', () => {
  it.skipIf(actionlint === undefined)('have no findings of actionlint', () => {
    // It does not know these two keys yet: https://github.com/rhysd/actionlint/issues/711
    const copy = join(folder, 'lint')
    mkdirSync(join(copy, '.github/workflows'), { recursive: true })
    execFileSync('git', ['init', '-q', copy])
    execFileSync('cp', ['-r', join(project, '.github/actions'), join(copy, '.github')])
    for (const path of workflows())
      writeFileSync(
        join(copy, path),
        readFileSync(join(project, path), 'utf8')
          .replace(/^ {2}queue: max\n/m, '')
          .replaceAll('$/', './'),
      )
    expect(execFileSync(actionlint!, ['-no-color'], { cwd: copy, encoding: 'utf8' })).toBe('')
  })

  it.skipIf(zizmor === undefined)('have no findings of zizmor', () => {
    const given = ['--offline', '--no-progress', join(project, '.github/workflows'), join(project, '.github/actions')]
    execFileSync(zizmor!, given, { encoding: 'utf8', stdio: 'pipe' })
  })
})

describe.skipIf(act === undefined)('the generated workflows, executed by act', () => {
  let run: (name: WorkflowEvent['name'], workflow: string, payload?: object) => Promise<WorkflowResult>

  beforeAll(async () => {
    const installed = await builtPackage()
    const surroundings = {
      ...{ folder, origin, command: '', repository: 'owner/name' },
      variables: {
        ...{ PATH: process.env['PATH'] ?? '', HF_ENDPOINT: hub.url, GITHUB_API_URL: github.url, ...identity },
        ...{ GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1' },
      },
      secrets: { HF_TOKEN: hubToken },
      // act gives every job the same token.
      tokens: { write: 'writer', read: 'writer' },
      signal: new AbortController().signal,
    }
    const execute = actWorkflows(act!, surroundings, (text) => text.replace(/sheikh-freemium@[\d.]+/, installed))
    run = (name, workflow, payload = {}) =>
      execute({ name, workflow, commit: git('rev-parse', 'HEAD'), payload: { ...payload } })
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', origin])
    git('remote', 'add', 'origin', origin)
    push()
  })

  const push = (branch = 'main') => git('push', '-q', 'origin', branch)
  const onMain = { ref: 'refs/heads/main' }

  const registry = () => huggingFaceRegistry({ repository: 'team/spam', endpoint: hub.url })
  const released = async () => (await registry().current('latest', callContext()))?.version

  it('release what was pushed, and do nothing the second time', async () => {
    const first = await run('push', 'train', onMain)
    expect(first.succeeded, first.output).toBe(true)
    expect(await released()).toBe('0.1.0')
    const second = await run('push', 'train', onMain)
    expect([second.succeeded, second.output.includes('action=none')]).toEqual([true, true])
    expect(second.output).not.toContain('sheikh run')
  })

  it('hold poisoned data, and are up to date after a revert', async () => {
    const pinned = readFileSync(join(project, 'dataset/evaluation.json'), 'utf8')
    const labels = ['billing', 'login', 'shipping', 'technical']
    for (const label of labels)
      for (const name of readdirSync(join(project, 'dataset/samples', label))) {
        const path = join('dataset/samples', label, name)
        const sample = JSON.parse(readFileSync(join(project, path), 'utf8')) as { id: string }
        const next = labels[(labels.indexOf(label) + 1) % labels.length]
        if (!pinned.includes(sample.id)) edit(path, () => JSON.stringify({ ...sample, label: next }))
      }
    git('commit', '-qam', 'Poison')
    push()
    const held = await run('push', 'train', onMain)
    expect(held.succeeded, held.output).toBe(false)
    expect(held.output).toContain('status=held')
    expect(await released()).toBe('0.1.0')
    git('revert', '--no-edit', 'HEAD')
    push()
    const reverted = await run('push', 'train', onMain)
    expect(reverted.succeeded, reverted.output).toBe(true)
    expect(reverted.output).toContain('status=up-to-date')
    // The release job noted the commit.
    const again = await run('push', 'train', onMain)
    expect([again.succeeded, again.output.includes('action=none')], again.output).toEqual([true, true])
  })

  it('roll back by hand', async () => {
    writeFileSync(
      join(project, 'dataset/samples/shipping/new-1.json'),
      '{"id":"new-1","text":"my parcel is lost","label":"shipping"}',
    )
    git('add', '.')
    git('commit', '-qm', 'More')
    push()
    const more = await run('push', 'train', onMain)
    expect([more.succeeded, await released()], more.output).toEqual([true, '0.1.1'])
    const inputs = { action: 'rollback', reason: 'Complaints' }
    const back = await run('workflow_dispatch', 'operate', { ...onMain, inputs })
    expect([back.succeeded, await released()], back.output).toEqual([true, '0.1.2'])
  })

  it('give a hostile pull request no secret, and post what it is', async () => {
    git('checkout', '-qb', 'change')
    writeFileSync(join(project, 'dataset/samples/broken.jsonl'), '{"id":"bad"\n')
    const stolen = join(folder, 'stolen.json')
    writeFileSync(
      join(project, 'sheikh.config.mjs'),
      `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(stolen)}, JSON.stringify(process.env))\nexport default {}\n`,
    )
    git('add', '.')
    git('commit', '-qm', 'Hostile')
    push('change')
    const payload = { pull_request: { number: 7, head: { ref: 'change', sha }, base: { ref: 'main' } } }
    const reviewed = await run('pull_request', 'validate', payload)
    expect(reviewed.succeeded, reviewed.output).toBe(false)
    expect(reviewed.output).toContain('file=dataset/samples/broken.jsonl,line=1')
    expect(existsSync(stolen)).toBe(true)
    expect(readFileSync(stolen, 'utf8')).not.toMatch(/hf_OnlyThe|"writer"|_TOKEN"/)

    git('checkout', '-q', 'main')
    const validate = '.github/workflows/validate.yml'
    const head = { head_sha: sha, head_branch: 'change', head_repository: { owner: { login: 'somebody' } } }
    const posted = await run('workflow_run', 'report', {
      workflow_run: { event: 'pull_request', path: validate, id: 5, ...head },
    })
    expect(posted.succeeded, posted.output).toBe(true)
    const { comments, checkRuns } = github.state.repositories.get('owner/name')!
    expect(comments.map(({ issue, body }) => [issue, body.includes('Changes code of the pipeline')])).toEqual([
      [7, true],
    ])
    expect(checkRuns).toMatchObject([{ name: 'sheikh review', conclusion: 'failure', headSha: sha }])
  })
})
