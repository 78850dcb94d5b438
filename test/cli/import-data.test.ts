import { execFileSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCommandLine } from '../../src/cli/run-command-line.js'
import { generateSamples } from '../../src/repository/init/generate-samples.js'
import { isWhole } from '../whole.js'
import { preload, project, sheikh, sheikhJson, start, temporary, write } from './harness.js'

/** A folder with a table of support tickets, and an empty one beside it. */
async function tickets() {
  const folder = await temporary()
  const rows = generateSamples().map(({ text, label }) => `${JSON.stringify(text)},${label}`)
  await write(folder, 'tickets.csv', `message,kind\n${rows.join('\n')}\n`)
  return { folder, into: join(folder, 'model') }
}

/** The command on a terminal, where a person answers. */
async function answered(cwd: string, argv: readonly string[], answer: string | undefined) {
  let out = ''
  const print = (text: string) => {
    out += text
  }
  const signal = new AbortController().signal
  const code = await runCommandLine(argv, { cwd, signal, out: print, err: print, ask: async () => answer })
  return { code, out }
}

describe('sheikh import-data', () => {
  it('shows the plan and writes nothing; with --yes makes a project that validates, and in CI runs and answers', async () => {
    const { folder, into } = await tickets()
    const argv = ['import-data', 'tickets.csv', '--project', 'model', '--target', 'kind']
    const shown = await sheikh(folder, argv)
    expect(shown.code, shown.err).toBe(0)
    expect(shown.out).toMatch(/input {3}message .*target {2}kind .*Labels: billing 50, .*add --yes\.\n$/s)
    expect(await readdir(folder)).toEqual(['tickets.csv'])
    const { json } = await sheikhJson(folder, ...argv)
    expect(json).toMatchObject({ applied: false, plan: { samples: 200, differentLabels: 4, createsProject: true } })
    expect(JSON.stringify(json)).not.toContain('invoice')

    const done = await sheikh(folder, [...argv, '--yes'])
    expect(done.code, done.err).toBe(0)
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: into, encoding: 'utf8' })).toBe('')
    expect(await sheikh(into, ['validate'])).toMatchObject({ code: 0 })
    // init.test.ts runs such a project.
    if (isWhole) {
      const ran = await sheikh(into, ['run'])
      expect(ran.code, ran.err).toBe(0)
      expect(ran.out).toContain('Released 0.1.0')
      expect(await sheikhJson(into, 'predict', 'Hello, my password is rejected.')).toMatchObject({ code: 0 })
    }
    expect(await sheikhJson(folder, ...argv, '--yes')).toMatchObject({ code: 0, json: { commit: null, written: [] } })
  })

  it('asks on a terminal', async () => {
    const { folder, into } = await tickets()
    const argv = ['import-data', 'tickets.csv', '--project', 'model']
    for (const answer of ['n', '', undefined]) {
      const { code, out } = await answered(folder, argv, answer)
      expect([code, out.endsWith('Nothing was written.\n')]).toEqual([0, true])
    }
    expect(await readdir(folder)).toEqual(['tickets.csv'])
    expect(await answered(folder, argv, 'y')).toMatchObject({ code: 0, out: expect.stringContaining('committed') })
    expect(await readFile(join(into, 'dataset/config.yaml'), 'utf8')).toContain('input: message')
  })

  it('ends with an error if the plan has problems, and says what is wrong with options', async () => {
    const { folder } = await tickets()
    const argv = ['import-data', 'tickets.csv', '--project', 'model', '--yes']
    const wrong = await sheikh(folder, [...argv, '--target', 'message'])
    expect([wrong.code, wrong.out]).toEqual([1, expect.stringContaining('Nothing was written.')])
    expect(await sheikh(folder, [...argv, '--group', 'kind', '--no-group'])).toMatchObject({ code: 1 })
    expect(await sheikh(folder, [...argv, '--share', '2'])).toMatchObject({ code: 1 })
    expect(await readdir(folder)).toEqual(['tickets.csv'])
  })

  it('is named by sheikh import for a file of data', async () => {
    const { folder } = await tickets()
    expect(await sheikh(folder, ['import', 'tickets.csv'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('To import data: sheikh import-data tickets.csv'),
    })
  })

  it('says that the examples of sheikh init are what is judged', async () => {
    const root = await project()
    await write(
      join(root, '..'),
      'more.jsonl',
      '{"text":"quite another thing altogether, said in words of its own","label":"login"}\n',
    )
    const { out, code } = await sheikh(root, ['import-data', '../more.jsonl'])
    expect([code, out]).toEqual([0, expect.stringContaining('example samples from sheikh init')])
  })

  it('is completed by the next one if it is killed at a write', async () => {
    const { folder } = await tickets()
    const argv = (name: string) => ['import-data', 'tickets.csv', '--project', name, '--yes']
    const run = async (name: string, env: Readonly<Record<string, string>>) => {
      const under = { COUNT_UNDER: join(folder, name), ...env }
      return start(folder, argv(name), { node: ['--import', preload], env: under }).ended
    }
    const whole = await run('whole', { COUNT_FILE: join(folder, 'count') })
    expect(whole.code, whole.err).toBe(0)
    const writes = Number(await readFile(join(folder, 'count'), 'utf8'))
    expect(writes).toBeGreaterThan(20)
    for (const share of isWhole ? spread(writes) : [0.55]) {
      const name = `killed-${share}`
      const killed = await run(name, { KILL_AT: String(Math.ceil(share * writes)) })
      expect(killed.signal).toBe('SIGKILL')
      const done = await sheikh(folder, argv(name))
      expect(done.code, done.err + done.out).toBe(0)
      const at = { cwd: join(folder, name), encoding: 'utf8' } as const
      expect(execFileSync('git', ['status', '--porcelain', '-uall'], at), `killed at ${share}`).toBe('')
      expect(await sheikh(at.cwd, ['validate'])).toMatchObject({ code: 0 })
    }
  }, 120_000)
})

// Each point takes a process of its own. 24 of them are in all phases of an import: the new project, the samples, the settings, the
// evaluation set and the commit.
const mostPoints = 24
const spread = (writes: number) => {
  const points = Math.min(writes, mostPoints)
  return Array.from({ length: points }, (_, index) => (index + 0.5) / points)
}
