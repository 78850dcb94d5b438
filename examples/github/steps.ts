import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { cloneAt, execute, type RunWorkflow, type Surroundings, type WorkflowEvent } from './run-workflow.js'
import { standInScripts, standInVariables } from './stand-in-actions.js'

type Values = Readonly<Record<string, unknown>>

interface Job {
  readonly if?: string
  readonly needs?: string | readonly string[]
  readonly permissions?: Readonly<Record<string, string>>
  readonly outputs?: Readonly<Record<string, string>>
  readonly steps?: readonly Step[]
  /** A workflow that is called. */
  readonly uses?: string
  readonly with?: Values
  readonly secrets?: Values
}

interface Step {
  readonly id?: string
  readonly if?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Values
  readonly env?: Values
  readonly 'continue-on-error'?: boolean
}

interface JobResult {
  readonly result: 'success' | 'failure' | 'skipped'
  readonly outputs: Values
}

/**
 * Runs the steps of the generated workflows one after another, without act: the jobs in the order of the file, each in an empty
 * folder, with the conditions, variables and token that the file gives it. It knows what those workflows use, and no more.
 */
export function directWorkflows(surroundings: Surroundings): RunWorkflow {
  return async (event) => {
    const place = mkdtempSync(join(surroundings.folder, 'workflow-'))
    const clone = join(place, 'workflows')
    await cloneAt(event.commit, clone, surroundings)
    const read = (path: string) =>
      (parse(readFileSync(join(clone, path), 'utf8')) as { jobs: Readonly<Record<string, Job>> }).jobs
    const said: string[] = []
    const results = await runJobs(read(`.github/workflows/${event.workflow}.yml`), {
      ...{ surroundings, event, place, read, say: (text) => void said.push(text), inputs: {} },
      secrets: surroundings.secrets,
    })
    return { succeeded: results.every(({ result }) => result !== 'failure'), output: said.join('') }
  }
}

interface Work {
  readonly surroundings: Surroundings
  readonly event: WorkflowEvent
  readonly place: string
  readonly read: (path: string) => Readonly<Record<string, Job>>
  readonly say: (text: string) => void
  readonly inputs: Values
  readonly secrets: Values
}

async function runJobs(jobs: Readonly<Record<string, Job>>, work: Work): Promise<readonly JobResult[]> {
  const needs: Record<string, JobResult> = {}
  for (const [name, job] of Object.entries(jobs)) needs[name] = await runJob(name, job, needs, work)
  return Object.values(needs)
}

async function runJob(name: string, job: Job, needs: Values, work: Work): Promise<JobResult> {
  const mayWrite = Object.values(job.permissions ?? {}).includes('write')
  const token = work.surroundings.tokens[mayWrite ? 'write' : 'read']
  const runnerTemp = join(mkdtempSync(join(work.place, `${name}-`)), 'temp')
  const steps: Record<string, { readonly outputs: Values }> = {}
  const context: Values = {
    github: { ...githubOf(work.event), token },
    runner: { temp: runnerTemp, os: 'Linux' },
    ...{ needs, steps, inputs: work.inputs, secrets: work.secrets },
  }
  const needed = [job.needs ?? []].flat().map((one) => (needs[one] as JobResult).result)
  if (needed.some((result) => result !== 'success') || !isTrue(job.if, context))
    return { result: 'skipped', outputs: {} }
  if (job.uses !== undefined) {
    const given = { inputs: evaluated(job.with, context), secrets: evaluated(job.secrets, context) }
    const results = await runJobs(work.read(job.uses.replace('$/', '')), { ...work, ...given })
    return { result: results.some(({ result }) => result === 'failure') ? 'failure' : 'success', outputs: {} }
  }
  mkdirSync(runnerTemp)
  const workspace = join(dirname(runnerTemp), 'workspace')
  mkdirSync(workspace)
  let hasFailed = false
  for (const step of job.steps ?? []) {
    const runsAnyway = step.if?.includes('cancelled()') ?? false
    if ((hasFailed && !runsAnyway) || !isTrue(step.if, context)) continue
    const { succeeded, outputs } = await runStep(step, context, { ...work, workspace, runnerTemp })
    if (step.id !== undefined) steps[step.id] = { outputs }
    if (!succeeded && step['continue-on-error'] !== true) hasFailed = true
  }
  return { result: hasFailed ? 'failure' : 'success', outputs: rendered(job.outputs, context) }
}

async function runStep(
  step: Step,
  context: Values,
  { surroundings, event, say, workspace, runnerTemp }: Work & Readonly<Record<'workspace' | 'runnerTemp', string>>,
) {
  // The action of the project installs Node and the command: both are there.
  const action = /^actions\/([\w-]+)@/.exec(step.uses ?? '')?.[1]
  const script = step.run ?? (action === undefined ? 'true' : standInScripts[action]!)
  const files = { GITHUB_OUTPUT: 'output', GITHUB_STEP_SUMMARY: 'summary', GITHUB_EVENT_PATH: 'event.json' }
  const paths = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(runnerTemp, '..', file)]))
  writeFileSync(paths['GITHUB_OUTPUT']!, '')
  writeFileSync(paths['GITHUB_EVENT_PATH']!, JSON.stringify(event.payload))
  const { ref, ...github } = githubOf(event)
  const inputs = rendered(step.with, context)
  const env = {
    ...surroundings.variables,
    ...paths,
    ...{ GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: event.name, GITHUB_REF: ref, GITHUB_SHA: event.commit },
    ...{ GITHUB_REPOSITORY: surroundings.repository, GITHUB_RUN_ID: github.run_id, RUNNER_TEMP: runnerTemp },
    ...(event.name === 'pull_request' && { GITHUB_BASE_REF: 'main' }),
    ...{ STAND_IN_ORIGIN: surroundings.origin, STAND_IN_REF: event.commit },
    STAND_IN_ARTIFACTS: join(surroundings.folder, 'artifacts'),
    ...Object.fromEntries(Object.entries(standInVariables).map(([name, input]) => [name, inputs[input] ?? ''])),
    ...rendered(step.env, context),
    PATH: `${dirname(surroundings.command)}:${surroundings.variables['PATH']}`,
  }
  const { signal } = surroundings
  const { succeeded, output } = await execute('bash', ['-eo', 'pipefail', '-c', script], {
    cwd: workspace,
    env,
    signal,
  })
  say(output)
  return { succeeded, outputs: outputsIn(readFileSync(paths['GITHUB_OUTPUT']!, 'utf8')) }
}

const githubOf = ({ name, payload }: WorkflowEvent) => ({
  ...{ event: payload, event_name: name, run_id: '1', run_attempt: '1' },
  ref: name === 'pull_request' ? 'refs/pull/1/merge' : 'refs/heads/main',
})

/** `name<<end`, lines, `end`: how a step writes outputs. */
function outputsIn(text: string): Values {
  return Object.fromEntries(
    [...text.matchAll(/^([\w-]+)<<(\S+)\n([\s\S]*?)\n?^\2$/gm)].map(([, name, , value]) => [name!, value!]),
  )
}

const rendered = (values: Values | undefined, context: Values): Record<string, string> =>
  Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, render(String(value), context)]))

const render = (text: string, context: Values) =>
  text.replaceAll(/\$\{\{(.*?)\}\}/g, (_, expression: string) => String(evaluate(expression, context) ?? ''))

/** What is an expression alone keeps its type. */
const evaluated = (values: Values | undefined, context: Values): Values =>
  Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [name, evaluate(bare(String(value)), context)]),
  )

const isTrue = (condition: string | undefined, context: Values) =>
  condition === undefined || Boolean(evaluate(bare(condition), context))

const bare = (expression: string) => expression.replace(/^\$\{\{(.*)\}\}$/, '$1')

/** Paths become their values; what remains are operators, texts and calls that JavaScript writes as GitHub does. */
function evaluate(expression: string, context: Values): unknown {
  const code = expression.replaceAll(/\b(?:github|runner|needs|steps|inputs|secrets)(?:\.[\w-]+)+/g, (path) =>
    JSON.stringify(
      path.split('.').reduce<unknown>((value, key) => (value as Values | undefined)?.[key], context) ?? null,
    ),
  )
  const functions = {
    cancelled: () => false,
    contains: (list: readonly unknown[], item: unknown) => list.includes(item),
    fromJSON: (text: string) => JSON.parse(text) as unknown,
    startsWith: (text: unknown, start: string) => `${text}`.startsWith(start),
  }
  return new Function(...Object.keys(functions), `return ${code}`)(...Object.values(functions))
}
