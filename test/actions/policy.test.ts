import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = resolve(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const examples = readdirSync(join(root, 'examples/actions')).map((name) => `examples/actions/${name}`)

interface Step {
  readonly id?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  readonly shell?: string
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: unknown
  readonly concurrency?: unknown
  readonly jobs: Readonly<
    Record<string, { readonly permissions: Readonly<Record<string, string>>; readonly steps: readonly Step[] }>
  >
}

const action = parse(read('action.yml')) as {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly description: string }>>
  readonly outputs: Readonly<Record<string, unknown>>
  readonly runs: { readonly using: string; readonly steps: readonly Step[] }
}

describe('action.yml', () => {
  it('installs the version of this package', () => {
    const { name, version } = JSON.parse(read('package.json')) as { readonly name: string; readonly version: string }
    expect(action.inputs['package']?.default).toBe(`${name}@${version}`)
  })

  it('puts no expression into a script, and uses no other action', () => {
    expect(action.runs.using).toBe('composite')
    for (const { run, uses, shell } of action.runs.steps) {
      expect(uses).toBeUndefined()
      expect(shell).toBe('bash')
      expect(run).not.toContain('${{')
    }
  })

  /** Runs a step as the runner does, in a work tree that contains a folder "package". */
  function run(id: string, variables: Readonly<Record<string, string>>) {
    const folder = mkdtempSync(join(tmpdir(), 'sheikh-action-'))
    mkdirSync(join(folder, 'work/package'), { recursive: true })
    const { run: script } = action.runs.steps.find((step) => step.id === id)!
    const env = { ...process.env, RUNNER_TEMP: folder, GITHUB_OUTPUT: join(folder, 'output'), ...variables }
    const given = ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', script!]
    const ended = spawnSync('bash', given, { cwd: join(folder, 'work'), env, encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    return ended
  }

  it('executes no package of the work tree', () => {
    expect(run('install', { PACKAGE: './package' })).toMatchObject({ status: expect.toSatisfy((code) => code > 0) })
    expect(run('install', { PACKAGE: root }).status).toBe(0)
  })

  it('does not guess whether lower is better', () => {
    const { status, stdout } = run('gate', { LOWER_IS_BETTER: 'yes' })
    expect([status, stdout]).toEqual([1, '::error::The input lower-is-better is neither true nor false.\n'])
  })

  it('uses every input', () => {
    const used = JSON.stringify(action.runs)
    expect(Object.keys(action.inputs).filter((name) => !used.includes(`inputs.${name} `))).toEqual([])
  })
})

describe.each(examples)('%s', (path) => {
  const text = read(path)
  const workflow = parse(text) as Workflow
  const jobs = Object.values(workflow.jobs)
  const steps = jobs.flatMap((job) => job.steps)
  const triggers = Object.keys(workflow.on)

  it('grants permissions by job, and none to write where code of a pull request runs', () => {
    expect(workflow.permissions).toEqual({})
    for (const { permissions } of jobs) {
      expect(permissions).toBeTypeOf('object')
      if (triggers.includes('pull_request')) expect(Object.values(permissions)).toEqual(['read'])
    }
  })

  it('pins actions by commit, keeps no credentials, and puts no expression into a script', () => {
    for (const { uses, run, with: options } of steps) {
      if (uses !== undefined) expect(uses).toMatch(/@[0-9a-f]{40}$/)
      if (uses?.startsWith('actions/checkout@')) {
        expect(options?.['persist-credentials']).toBe(false)
        expect(options?.['ref']).toBeUndefined()
      }
      expect(run ?? '').not.toContain('${{')
    }
    expect(text).not.toContain('pull_request_target')
    expect(workflow.concurrency).toBeDefined()
  })

  it('executes nothing if it may write', () => {
    if (!triggers.includes('workflow_run')) return
    expect(steps.filter(({ run }) => run !== undefined)).toEqual([])
    expect(text).not.toContain('secrets.')
  })

  it('passes only inputs that the action has', () => {
    const gates = steps.filter(({ uses }) => uses?.includes('/sheikh-freemium@'))
    expect(gates).toHaveLength(1)
    expect(Object.keys(gates[0]!.with!).filter((name) => !Object.hasOwn(action.inputs, name))).toEqual([])
  })
})
