import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { workflowFiles } from '../../src/repository/workflows/workflow-texts.js'
import { git, temporaryFolder, write } from '../repository/harness.js'

/** The script of "Operate" for a project below the root, as the runner executes it, with a "sheikh" that writes down what it is asked. */
async function operate(releaseExit: number, commitOf: (root: string) => string) {
  const root = temporaryFolder()
  git(root, 'init', '-q', '-b', 'main')
  for (const name of ['one', 'two']) {
    write(root, 'name.txt', name)
    git(root, 'add', '.')
    git(root, 'commit', '-qm', name)
  }
  const temp = temporaryFolder()
  write(temp, 'run/run.json', JSON.stringify({ commit: commitOf(root) }))
  mkdirSync(join(temp, 'bin'))
  write(
    temp,
    'bin/sheikh',
    `#!/bin/bash
{ cat name.txt; printf ' [%s]' "$@"; echo; } >> "$RUNNER_TEMP/calls"
case "$*" in *" release "*) echo '{"runId":"01abc"}'; exit ${releaseExit} ;; esac
`,
  )
  chmodSync(join(temp, 'bin/sheikh'), 0o755)
  const files = workflowFiles({
    ...{ project: 'models/spam filter', branch: 'main', runner: ['ubuntu-latest'], version: '1.2.3' },
    ...{ lockfileFolder: undefined, crons: [], learningCrons: [], targets: new Set(['github'] as const) },
    ...{ notificationSecrets: [], opensIssues: false },
  })
  const { jobs } = parse(files.find(({ path }) => path.includes('operate'))!.text)
  const script: string = jobs.operate.steps.at(-1).run
  const given = { ACTION: 'approve', REASON: 'read "all" of $(them)', VERSION: '', CHANNEL: '', GITHUB_ACTOR: 'ada' }
  const env = {
    ...process.env,
    ...given,
    RUNNER_TEMP: temp,
    PATH: `${join(temp, 'bin')}${delimiter}${process.env['PATH']}`,
  }
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', script], { cwd: root, env, encoding: 'utf8' })
  const calls = () => readFileSync(join(temp, 'calls'), 'utf8').replaceAll(temp, '').trim().split('\n')
  return { status, output: `${stdout}${stderr}`, calls }
}

const release = 'one [--project=models/spam filter] [release] [/run] [--retrain] [--json]'

it('approves a run at its own commit, also after the branch moved on', async () => {
  const { status, calls } = await operate(3, (root) => git(root, 'rev-parse', 'HEAD~1').trim())
  expect(calls()).toEqual([
    release,
    'one [--project=models/spam filter] [approve] [01abc] [--reason=read "all" of $(them)] [--by=ada (GitHub)]',
  ])
  expect(status).toBe(0)
})

it.each([0, 2, 4])('approves nothing if the release ends with %i', async (code) => {
  const { status, calls } = await operate(code, (root) => git(root, 'rev-parse', 'HEAD~1').trim())
  expect([status, calls()]).toEqual([code, [release]])
})

it.each([
  ['a commit of another branch', (root: string) => git(root, 'commit-tree', '-m', 'other', 'HEAD^{tree}').trim()],
  ['no commit', () => 'none'],
  ['an option', () => '--help'],
])('executes nothing of a run of %s', async (_, commitOf) => {
  const { status, output, calls } = await operate(3, commitOf)
  expect([status, output]).toEqual([1, expect.stringContaining('not on this branch')])
  expect(calls).toThrow('ENOENT')
})
