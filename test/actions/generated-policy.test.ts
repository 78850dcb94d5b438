import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { WorkflowFacts } from '../../src/repository/workflows/workflow-facts.js'
import { workflowFiles } from '../../src/repository/workflows/workflow-texts.js'

const facts: WorkflowFacts = {
  project: '',
  branch: 'main',
  runner: ['ubuntu-latest'],
  version: '1.2.3',
  lockfileFolder: undefined,
  crons: ['0 3 * * *'],
  learningCrons: [],
  targets: new Set(['huggingface', 'github', 's3']),
  notificationSecrets: [],
  opensIssues: false,
}
const variants: readonly (readonly [string, WorkflowFacts])[] = [
  ['all targets', facts],
  ['GitHub only, no schedule', { ...facts, crons: [], targets: new Set(['github']) }],
  [
    'continuous learning on one of two schedules',
    { ...facts, crons: ['0 3 * * *', '0 4 * * 1'], learningCrons: ['0 4 * * 1'] },
  ],
  [
    'notifications',
    { ...facts, notificationSecrets: ['SLACK_WEBHOOK', 'SMTP_URL'], opensIssues: true, learningCrons: facts.crons },
  ],
  [
    'a project below the root, its lockfile, a GPU runner',
    { ...facts, project: 'models/spam filter', lockfileFolder: '', runner: ['self-hosted', 'gpu'] },
  ],
]

interface Step {
  readonly if?: string
  readonly uses?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
  readonly with?: Readonly<Record<string, unknown>>
}
interface Job {
  readonly if?: string
  readonly 'runs-on'?: string | readonly string[]
  readonly uses?: string
  readonly needs?: string | readonly string[]
  readonly permissions: Readonly<Record<string, string>>
  readonly steps?: readonly Step[]
  readonly secrets?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
}
interface Workflow {
  readonly name: string
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: unknown
  readonly concurrency?: { readonly group: string; readonly 'cancel-in-progress': boolean; readonly queue?: string }
  readonly jobs: Readonly<Record<string, Job>>
}

describe.each(variants)('the workflows for %s', (_, given) => {
  const files = workflowFiles(given)
  const workflows = files.flatMap(({ path, text }) =>
    path.includes('/workflows/') ? [{ path, text, ...(parse(text) as Workflow) }] : [],
  )
  const jobs = workflows.flatMap((workflow) =>
    Object.entries(workflow.jobs).map(([name, job]) => ({ workflow, name, job })),
  )
  const steps = [
    ...jobs.flatMap(({ job }) => job.steps ?? []),
    ...files.flatMap(({ path, text }) =>
      path.includes('/actions/') ? (parse(text) as { runs: { steps: readonly Step[] } }).runs.steps : [],
    ),
  ]
  const named = (name: string) => workflows.find(({ path }) => path.startsWith(`.github/workflows/${name}`))

  it('grant nothing by default, name the permissions of each job, and limit its time', () => {
    for (const { permissions } of workflows) expect(permissions).toEqual({})
    for (const { job } of jobs) {
      expect(job.permissions).toBeTypeOf('object')
      if (job.uses === undefined) expect(job['timeout-minutes']).toBeGreaterThan(0)
    }
  })

  it('use actions by commit or from their own repository, keep no credentials, and put no data into a script', () => {
    for (const { uses, run, with: options } of [...steps, ...jobs.map(({ job }) => job)] as readonly Step[]) {
      if (uses !== undefined) expect(uses).toMatch(/^(actions\/[\w-]+@[0-9a-f]{40}|\$\/\.github\/[\w./-]+)$/)
      if (uses?.startsWith('actions/checkout@')) expect(options?.['persist-credentials']).toBe(false)
      if (uses?.startsWith('actions/upload-artifact@')) expect(options?.['retention-days']).toBeGreaterThan(0)
      expect(run ?? '').not.toContain('${{')
    }
  })

  it('give code of a pull request no secret and nothing to write', () => {
    for (const { workflow, job } of jobs) {
      expect(Object.keys(workflow.on)).not.toContain('pull_request_target')
      if (!Object.keys(workflow.on).includes('pull_request')) continue
      expect(Object.values(job.permissions)).toEqual(['read'])
      expect(workflow.text).not.toContain('secrets.')
      expect(workflow.text).not.toContain('GITHUB_TOKEN')
    }
  })

  it('run code of a pull request on machines of GitHub only, and train it only if these train for the project', () => {
    const isHosted = given.runner.join() === 'ubuntu-latest'
    for (const { workflow, job } of jobs) {
      if (!Object.keys(workflow.on).includes('pull_request')) continue
      expect(job['runs-on']).toBe('ubuntu-latest')
      expect(workflow.text.includes('review --train')).toBe(isHosted)
    }
  })

  it('share no cache between pull requests and the branch that is released from', () => {
    const cachesOf = (name: string, job: string) =>
      named(name)!
        .jobs[job]!.steps!.filter(({ uses }) => uses?.startsWith('actions/cache@'))
        .map((step) => step.with!)
    const [trained] = cachesOf('pipeline', 'train')
    for (const reviewed of cachesOf('validate', 'validate')) {
      expect(reviewed['path']).toBe(`${trained!['path']}/review`)
      for (const [one, other] of [
        [reviewed, trained!],
        [trained!, reviewed],
      ] as const)
        expect(String(one['key']).startsWith(String(other['restore-keys']))).toBe(false)
    }
  })

  it('post from a workflow that checks out nothing and has no secret', () => {
    const { text, jobs: own } = named('report')!
    expect(text).not.toContain('secrets.')
    expect(own['report']!.steps!.some(({ uses }) => uses?.includes('checkout'))).toBe(false)
    expect(own['report']!.permissions['contents']).toBeUndefined()
    expect(text).not.toMatch(/pull_requests?\[|\.number/)
    // A workflow of somebody else may have the same name.
    expect(own['report']!.if).toContain(`'${named('validate')!.path}'`)
  })

  it('train without a secret, on the commit that was decided on', () => {
    const { jobs: own } = named('pipeline')!
    expect(own['train']!.permissions).toEqual({ contents: 'read' })
    expect(JSON.stringify(own['train'])).not.toContain('secrets.')
    for (const name of ['train', 'release'])
      expect(own[name]!.steps!.find(({ uses }) => uses?.includes('checkout'))!.with!['ref']).toBe(
        '${{ needs.decide.outputs.commit }}',
      )
  })

  it('release what awaits it, and note the commit of a run that was up to date', () => {
    const { train: trained, release } = named('pipeline')!.jobs
    const upload = trained!.steps!.find(({ uses }) => uses?.startsWith('actions/upload-artifact@'))
    for (const [condition, status] of [
      [upload!.if, 'steps.run.outputs.status'],
      [release!.if, 'needs.train.outputs.status'],
    ])
      expect(condition).toBe(`${status} == 'awaiting-release' || ${status} == 'up-to-date'`)
  })

  it('write only from the branch that is released from', () => {
    for (const { workflow, name, job } of jobs) {
      const writes = Object.values(job.permissions).includes('write')
      if (!writes || Object.keys(workflow.on).includes('workflow_run')) continue
      const needed = [job.needs ?? []].flat().map((need) => workflow.jobs[need]!)
      const conditions = [job, ...needed].flatMap((one) => one.if ?? [])
      const isCall = job.uses !== undefined
      expect([workflow.path, name, isCall || conditions.includes("github.ref == 'refs/heads/main'")]).toEqual([
        ...[workflow.path, name, true],
      ])
    }
  })

  it('queue every run of a project in one group, see every commit, and call no workflow that waits for the same group', () => {
    for (const name of ['train', 'learn', 'operate']) {
      const workflow = named(name)
      if (workflow === undefined) continue
      expect(workflow.concurrency).toEqual({
        ...{ group: named('operate')!.concurrency!.group, 'cancel-in-progress': false, queue: 'max' },
      })
      // A filter sees the paths of one push, and a cancelled run's paths would be lost.
      expect(JSON.stringify(workflow.on)).not.toContain('paths')
    }
    expect(named('pipeline')!.concurrency).toBeUndefined()
  })

  it('offer every act of a person as an action, which is run by the name of the person', () => {
    const { text, on } = named('operate')!
    const { inputs } = on['workflow_dispatch'] as { inputs: { action: { options: readonly string[] } } }
    expect(inputs.action.options).toEqual(['preview', 'approve', 'rollback', 'promote', 'withdraw'])
    for (const act of inputs.action.options.slice(1)) expect(text).toMatch(new RegExp(` ${act} .*"--by=\\$by"`))
  })

  it('give the secrets of notifications, and issues to write, only to jobs that publish', () => {
    const publishing = ['release', 'operate']
    for (const { name, job } of jobs) {
      const mayWrite = publishing.includes(name) && given.opensIssues
      expect([name, job.permissions['issues']]).toEqual([name, mayWrite ? 'write' : undefined])
      for (const secret of ['SLACK_WEBHOOK', 'SMTP_URL']) {
        const isNamed = publishing.includes(name) && given.notificationSecrets.includes(secret)
        const value = isNamed ? `\${{ secrets.${secret} }}` : undefined
        // A job that calls another workflow hands them over.
        expect((job.uses === undefined ? job.steps!.at(-1)!.env : job.secrets)?.[secret]).toBe(value)
        expect(JSON.stringify(job).split(`secrets.${secret}`)).toHaveLength(isNamed ? 2 : 1)
      }
    }
    const { secrets = {} } = named('pipeline')!.on['workflow_call'] as { secrets?: object }
    expect(Object.keys(secrets)).toEqual(expect.arrayContaining([...given.notificationSecrets]))
  })

  it('pass only the secrets that the targets need', () => {
    const text = workflows.map((workflow) => workflow.text).join('\n')
    expect(text.includes('secrets.HF_TOKEN')).toBe(given.targets.has('huggingface'))
    expect(text.includes('id-token')).toBe(given.targets.has('huggingface'))
    expect(text.includes('secrets.AWS_')).toBe(given.targets.has('s3'))
    expect(text).not.toContain('secrets: inherit')
  })

  it('propose what follows a run of continuous learning, after the run, on its own schedules only', () => {
    const job = named('learn')?.jobs['learn']
    expect(job !== undefined).toBe(given.learningCrons.length > 0)
    if (job === undefined) return
    expect(job).toMatchObject({ needs: 'release', permissions: { contents: 'write', 'pull-requests': 'write' } })
    const { if: condition, run, env } = job.steps!.at(-1)!
    expect(condition).toBe(`contains(fromJSON('${JSON.stringify(given.learningCrons)}'), github.event.schedule)`)
    expect(run).toBe('sheikh learn --after-run')
    expect(env).toMatchObject({ GIT_AUTHOR_NAME: expect.any(String), GIT_AUTHOR_EMAIL: expect.any(String) })
  })

  it('start on a schedule only if a trigger has one', () => {
    expect(named('learn') !== undefined).toBe(given.crons.length > 0)
  })
})
