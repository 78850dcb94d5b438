import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { builtPackage } from '../built-package.js'
import { actionsTool } from './actions-tools.js'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'sheikh-actions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const examples = readdirSync(join(root, 'examples/actions')).map((name) => join(root, 'examples/actions', name))
const [act, actionlint, zizmor] = [actionsTool('act'), actionsTool('actionlint'), actionsTool('zizmor')]
for (const [name, path] of Object.entries({ act, actionlint, zizmor }))
  if (path === undefined) process.stderr.write(`skipped: ${name} is not installed. Install it: npm run setup:interop\n`)

describe('action.yml and the example workflows', () => {
  it.skipIf(actionlint === undefined)('have no findings of actionlint', () => {
    const { status, stdout } = spawnSync(actionlint!, ['-no-color', ...examples], { encoding: 'utf8' })
    expect([status, stdout]).toEqual([0, ''])
  })

  it.skipIf(zizmor === undefined)('have no findings of zizmor', () => {
    const given = ['--offline', '--no-progress', join(root, 'action.yml'), ...examples]
    const { status, stdout, stderr } = spawnSync(zizmor!, given, { encoding: 'utf8' })
    expect(status, stdout + stderr).toBe(0)
  })
})

describe.skipIf(act === undefined)('the action, executed by act', () => {
  const pin = `OWNER/sheikh-freemium@${'0'.repeat(40)}`
  const scores = (wrongEvery: number, items = 600) =>
    Array.from({ length: items }, (_, index) => JSON.stringify({ id: `i${index}`, score: +(index % wrongEvery > 0) }))
      .concat('')
      .join('\n')

  it.each([
    ['pass', 'same.jsonl', '', true],
    ['fail', 'worse.jsonl', '', false],
    ['inconclusive', 'few-new.jsonl', 'few.jsonl', true],
    ['error', 'absent.jsonl', '', false],
  ])('%s', async (verdict, candidate, baseline, isSuccess) => {
    const project = mkdtempSync(join(folder, 'project-'))
    const action = mkdtempSync(join(folder, 'action-'))
    copyFileSync(join(root, 'action.yml'), join(action, 'action.yml'))
    const files = { 'old.jsonl': scores(10), 'same.jsonl': scores(10), 'worse.jsonl': scores(3) }
    for (const [name, content] of Object.entries({
      ...files,
      'few.jsonl': scores(10, 30),
      'few-new.jsonl': scores(9, 30),
    }))
      writeFileSync(join(project, name), content)
    const installed = await builtPackage()
    const git = (...parameters: readonly string[]) => execFileSync('git', [...parameters], { cwd: project })
    git('init', '-q', '-b', 'main')
    execFileSync(process.execPath, [join(installed, 'dist/cli/main.js'), 'gate', 'accept', 'old.jsonl'], {
      cwd: project,
    })
    mkdirSync(join(project, '.github/workflows'), { recursive: true })
    writeFileSync(
      join(project, '.github/workflows/gate.yml'),
      `on: push
permissions: {}
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - id: gate
        uses: ${pin}
        with:
          candidate: ${candidate}
          baseline: '${baseline}'
          token: ''
          package: ${installed}
      - if: always()
        run: echo "the verdict is <$VERDICT> over <$ITEMS>"
        env:
          VERDICT: \${{ steps.gate.outputs.verdict }}
          ITEMS: \${{ steps.gate.outputs.items }}
`,
    )
    git('add', '.')
    git('-c', 'user.name=a', '-c', 'user.email=a@localhost', 'commit', '-qm', 'first')
    const given = ['push', '-P', 'ubuntu-latest=-self-hosted', '--local-repository', `${pin}=${action}`]
    const { status, stdout, stderr } = spawnSync(act!, given, {
      ...{ cwd: project, encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') } },
    })
    expect(stdout, stderr).toContain(`the verdict is <${verdict}>`)
    expect(status, stdout).toBe(isSuccess ? 0 : 1)
  })
})
