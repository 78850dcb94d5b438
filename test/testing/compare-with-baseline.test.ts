import { execFile } from 'node:child_process'
import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { ScoredItem } from '../../src/repository.js'
import { baselineMatchers, compareWithBaseline } from '../../src/testing.js'
import { builtPackage } from '../built-package.js'
import { itInFull } from '../in-full.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-vitest-'))
  folders.push(folder)
  return folder
}

const scores = (wrongEvery: number, items = 600): readonly ScoredItem[] =>
  Array.from({ length: items }, (_, index) => ({ id: index, score: index % wrongEvery !== 0 }))

expect.extend(baselineMatchers)
declare module 'vitest' {
  interface Matchers {
    toPass(): void
  }
}

describe('compareWithBaseline in a test', () => {
  it('fails without a baseline, accepts one on request, passes equal scores and fails a regression', async () => {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (text: string) => warnings.push(text) }
    const directory = await temporary()
    const first = await compareWithBaseline(scores(10), { directory })
    expect(first).toMatchObject({ status: 'no-baseline', passes: false })
    expect(() => expect(first).toPass()).toThrow('Or run the tests once with SHEIKH_ACCEPT_BASELINE=1')
    expect(await compareWithBaseline(scores(10), { directory, log, accept: true })).toPass()
    expect(warnings).toEqual([expect.stringMatching(/^Accepted the scores as the baseline "main"/)])
    expect(await compareWithBaseline(scores(10), { directory })).toPass()
    const worse = await compareWithBaseline(scores(4), { directory })
    expect(worse).not.toPass()
    expect(() => expect(worse).toPass()).toThrow(
      /\*\*Fail\.\*\*[\s\S]*a loss of[\s\S]*The baseline "main" was accepted/,
    )
  })

  it('reports an inconclusive comparison, and fails it on request', async () => {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (text: string) => warnings.push(text) }
    const directory = await temporary()
    await compareWithBaseline(scores(10, 20), { directory, log, accept: true })
    const open = await compareWithBaseline(scores(10, 20), { directory, log })
    expect(open).toMatchObject({ status: 'inconclusive', passes: true })
    expect(open).toPass()
    expect(warnings[1]).toMatch(/^\*\*Inconclusive\.\*\*/)
    expect(await compareWithBaseline(scores(10, 20), { directory, failWhenInconclusive: true })).not.toPass()
    expect(warnings).toHaveLength(2)
  })

  it('does not take a forgotten await, or another error, for a result', async () => {
    const directory = await temporary()
    await compareWithBaseline(scores(10), { directory, accept: true, log: { debug() {}, info() {}, warn() {} } })
    expect(() => expect(Promise.resolve()).toPass()).toThrow('not a result of compareWithBaseline')
    expect(() => expect(undefined).toPass()).toThrow('not a result of compareWithBaseline')
    await expect(compareWithBaseline(scores(10, 500), { directory })).rejects.toMatchObject({
      code: 'baseline-mismatch',
    })
  })
})

describe('examples/vitest, with the installed Vitest', () => {
  const root = resolve(import.meta.dirname, '../..')

  function run(folder: string, variables: NodeJS.ProcessEnv = {}, ...flags: readonly string[]) {
    const { SHEIKH_ACCEPT_BASELINE: _, VITEST: __, ...others } = process.env
    return new Promise<{ readonly code: number; readonly output: string }>((settle) => {
      const program = join(root, 'node_modules/vitest/vitest.mjs')
      const options = { cwd: folder, env: { ...others, NO_COLOR: '1', CI: '', ...variables } }
      execFile(process.execPath, [program, 'run', ...flags], options, (error, stdout, stderr) =>
        settle({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
      )
    })
  }

  itInFull('vitest run fails on a regression and says why', async () => {
    const folder = await temporary()
    cpSync(join(root, 'examples/vitest'), folder, { recursive: true })
    await mkdir(join(folder, 'node_modules'))
    await symlink(await builtPackage(), join(folder, 'node_modules/sheikh-freemium'))
    await symlink(join(root, 'node_modules/vitest'), join(folder, 'node_modules/vitest'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')

    const first = await run(folder)
    expect(first.code).toBe(1)
    expect(first.output).toContain('SHEIKH_ACCEPT_BASELINE=1')
    // Updating snapshots does not accept a model.
    expect((await run(folder, {}, '-u')).code).toBe(1)
    expect(await run(folder, { SHEIKH_ACCEPT_BASELINE: '1' })).toMatchObject({ code: 0 })
    expect(await readFile(join(folder, '.sheikh-gate/router.jsonl'), 'utf8')).toMatch(/^\{"sheikh-baseline":1,/)
    expect(await run(folder)).toMatchObject({ code: 0 })

    const router = await readFile(join(folder, 'router.ts'), 'utf8')
    await writeFile(join(folder, 'router.ts'), router.replace('invoice|', ''))
    const worse = await run(folder)
    expect(worse.code).toBe(1)
    expect(worse.output).toMatch(/\*\*Fail\.\*\*/)
    expect(worse.output).toContain('a loss of 8.3 points')
  })
})
