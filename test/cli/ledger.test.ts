import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, digestJson } from '../../src/core/index.js'
import { openRepository } from '../../src/repository/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from '../repository/git-http-backend.js'
import { commit, copy, edit, releasedProject, sheikh, sheikhJson, temporary, tinyProject } from './harness.js'

const context = callContext()
const git = (root: string, ...parameters: string[]) =>
  execFileSync('git', parameters, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

if (gitIsMissing !== undefined) process.stderr.write(`skipped: the ledger after native git, since ${gitIsMissing}\n`)

describe('sheikh ledger', () => {
  it('of a project without a run is empty', async () => {
    const folder = await tinyProject()
    expect(await sheikh(folder, ['ledger', 'verify'])).toMatchObject({ code: 0, out: 'The ledger is empty.\n' })
    expect(await sheikhJson(folder, 'ledger', 'show')).toEqual({ code: 0, json: { entries: [] } })
  })

  it('shows what a run wrote, newest last, and verifies it', async () => {
    const folder = await releasedProject()
    const shown = await sheikh(folder, ['ledger', 'show'])
    expect(shown.out).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}verdict {5}pass, run \w{20}\n.* {2}release {5}0\.1\.0, bundle [0-9a-f]{12}, run \w{20}\n$/,
    )
    const limited = await sheikhJson(folder, 'ledger', 'show', '--limit', '1')
    expect(limited.json.entries).toMatchObject([{ type: 'release', sequence: 1 }])
    const { code, json } = await sheikhJson(folder, 'ledger', 'verify')
    expect({ code, json }).toEqual({
      code: 0,
      json: { ledger: 'git-branch', lines: 2, tip: digestJson(limited.json.entries[0]), holds: true },
    })
    expect((await sheikh(folder, ['ledger', 'verify'])).out).toBe(
      `The ledger is intact: 2 entries. Digest of the last entry: ${json.tip}\n`,
    )
  })

  it.each([['forget'], ['show', '--limit', 'few'], ['show', '--limit', '0'], ['show', '--limit', '1.5']])(
    'refuses "%s %s %s"',
    async (...argv) => {
      const { code, err } = await sheikh(await temporary(), ['ledger', ...argv])
      expect(code).toBe(1)
      expect(err).toMatch(/\[invalid-options\]/)
    },
  )

  it('show reads no code of the project', async () => {
    const folder = await copy(await releasedProject())
    const { writeFile } = await import('node:fs/promises')
    await writeFile(join(folder, 'sheikh.config.mjs'), 'throw new Error("was run")\n')
    expect((await sheikh(folder, ['ledger', 'show'])).code).toBe(0)
  })
})

describe.skipIf(gitIsMissing !== undefined)('the ledger of a project', () => {
  it('dirties nothing, and native git finds it in order', async () => {
    const folder = await releasedProject()
    expect(git(folder, 'status', '--porcelain', '--untracked-files=all')).toBe('')
    expect(git(folder, 'symbolic-ref', 'HEAD').trim()).toBe('refs/heads/main')
    const line = git(folder, 'show', 'sheikh-ledger:ledger.jsonl').trim().split('\n').at(-1)!
    expect((await sheikhJson(folder, 'ledger', 'verify')).json.tip).toBe(digestBytes(line))
    git(folder, 'fsck', '--strict', '--full')
  })

  it('that was cut off ends in 1 and [artifact-corrupt]', async () => {
    const folder = await copy(await releasedProject())
    git(folder, 'update-ref', 'refs/heads/sheikh-ledger', 'sheikh-ledger~1')
    const { code, out, err } = await sheikh(folder, ['ledger', 'verify'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(
      /^sheikh: Cannot trust the ledger: .*\[artifact-corrupt\] See docs\/errors\.md#artifact-corrupt\n$/,
    )
    expect((await sheikhJson(folder, 'ledger', 'show')).json.error.code).toBe('artifact-corrupt')
    expect((await sheikh(folder, ['run'])).code).toBe(1)
  })

  itInFull(
    'goes to the remote and the branch that the configuration names, for each project of a repository',
    async () => {
      const folder = await temporary()
      const remote = join(await temporary(), 'shared.git')
      git(folder, 'init', '--quiet', '--bare', remote)
      const source = await tinyProject()
      const { rm } = await import('node:fs/promises')
      git(folder, 'init', '--quiet', '--initial-branch=main')
      git(folder, 'remote', 'add', 'shared', remote)
      for (const name of ['one', 'two']) {
        const project = join(folder, 'models', name)
        cpSync(source, project, { recursive: true })
        await rm(join(project, '.git'), { recursive: true })
        await rm(join(project, '.sheikh'), { recursive: true, force: true })
        await edit(
          project,
          'mlops/pipeline.yaml',
          (text) => `${text}\nledger: { remote: shared, branch: decisions/all }\n`,
        )
        await commit(project)
        const { code, err } = await sheikh(project, ['run'])
        expect(err).not.toContain('ledger')
        expect(code).toBeLessThan(4)
      }
      expect(git(remote, 'ls-tree', '-r', '--name-only', 'decisions/all').trim().split('\n')).toEqual([
        'models/one/ledger.jsonl',
        'models/two/ledger.jsonl',
      ])
      await edit(join(folder, 'models/one'), 'mlops/pipeline.yaml', (text) =>
        text.replace('remote: shared', 'remote: --all'),
      )
      const refused = await sheikh(join(folder, 'models/one'), ['ledger', 'verify'])
      expect(refused.err).toMatch(/\[invalid-config\]/)
    },
  )

  it('begins with what an earlier version kept in its store', async () => {
    const folder = await copy(await releasedProject())
    git(folder, 'update-ref', '-d', 'refs/heads/sheikh-ledger')
    git(folder, 'update-ref', '-d', 'refs/sheikh/ledger-seen')
    const { journals } = directoryStore(join(folder, '.sheikh'))
    const { storeLedger } = await import('../../src/gate/index.js')
    const old = { type: 'approval', runId: 'old', by: 'Ann', reason: 'looked at it' } as const
    await storeLedger({ journals }).append(old, context)
    const ledger = await (await openRepository(folder)).ledger()
    await ledger.append({ ...old, runId: 'new' }, context)
    expect((await sheikhJson(folder, 'ledger', 'show')).json.entries).toMatchObject([
      { runId: 'old' },
      { runId: 'new' },
    ])
    expect(git(folder, 'show', 'sheikh-ledger:ledger.jsonl').split('\n')[0]).toBe((await journals.read('ledger'))[0])
  })
})
