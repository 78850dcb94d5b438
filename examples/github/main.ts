// A model in Git, and the workflows that `sheikh init --github` writes, from a push to a release. GitHub, the Hub and the Git
// remote are servers and folders of this machine. Run: npm run example:github
//
//   --json     the last line of the output is for programs: facts read from the servers
//   --no-act   run the steps of the workflows directly, also if act is installed
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { actWorkflows, findAct } from './act.js'
import { Project, writeCommand } from './project.js'
import type { RunWorkflow, WorkflowEvent, WorkflowResult } from './run-workflow.js'
import { gitHubTokens, hubToken, repository, startServers } from './servers.js'
import { directWorkflows } from './steps.js'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, act: { type: 'boolean', default: true } },
  allowNegative: true,
})
const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(`${text}\n`)
const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => controller.abort(new Error(`stopped by ${signal}`)))

const folder = mkdtempSync(join(tmpdir(), 'sheikh-github-'))
try {
  await tell()
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = controller.signal.aborted ? 130 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function tell(): Promise<void> {
  const [home, temporary] = [join(folder, 'home'), join(folder, 'temporary')]
  for (const path of [home, temporary]) mkdirSync(path)
  // Nobody's settings of Git, nobody's tokens, and no repository above the temporary folder.
  const own = { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: temporary }
  const git = { GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1', GIT_CEILING_DIRECTORIES: folder }
  const project = new Project(folder, { ...own, ...git })
  const servers = await startServers(folder, project.origin)
  try {
    const surroundings = {
      ...{ folder, origin: project.origin, command: writeCommand(folder), repository },
      variables: { ...own, ...git, ...servers.variables },
      secrets: { HF_TOKEN: hubToken },
      tokens: gitHubTokens,
      signal: controller.signal,
    }
    const act = options.act ? findAct() : undefined
    const run = act === undefined ? directWorkflows(surroundings) : actWorkflows(act, surroundings)
    const version = act && execFileSync(act, ['--version'], { encoding: 'utf8' }).trim()
    say(
      version ??
        (options.act
          ? 'act is not installed: the steps of the workflows are run directly; `npm run setup:interop` installs it.'
          : 'The steps of the workflows are run directly, without act.'),
    )
    const facts = await threeActs(project, servers, run, surroundings.command)
    if (options.json) process.stdout.write(`${JSON.stringify({ ...facts, act: version ?? null })}\n`)
  } finally {
    await servers.close()
  }
}

type Servers = Awaited<ReturnType<typeof startServers>>

async function threeActs(project: Project, servers: Servers, run: RunWorkflow, command: string) {
  const startedMs = performance.now()
  const push = async (branch = 'main') => {
    project.run('git', 'push', '-q', 'origin', branch)
    await servers.receive()
  }
  const start = async (event: WorkflowEvent): Promise<WorkflowResult> => {
    const sinceMs = performance.now()
    const result = await run(event)
    const seconds = ((performance.now() - sinceMs) / 1000).toFixed(0)
    say(`   ${event.workflow}.yml ${result.succeeded ? 'succeeded' : 'failed'} [${seconds} s]`)
    const output = stripVTControlCharacters(result.output)
    for (const [line] of output.matchAll(/(Released|Held|Restored)\b.*? (candidate|identical).*/g)) say(`   ${line}`)
    return { ...result, output }
  }
  const train = async () => {
    await push()
    const payload = { ref: 'refs/heads/main' }
    return start({ name: 'push', workflow: 'train', commit: project.head(), payload })
  }
  const latest = async () => {
    const versions = await servers.latest()
    say(`   Latest release: ${versions.hub} on the Hub, ${versions.github} on GitHub.`)
    return versions
  }

  say('\nA new project: 200 support tickets, the settings of a model and of its gate, and the workflows.')
  say('   $ sheikh init && sheikh init --github')
  project.run(command, 'init')
  project.edit('mlops/pipeline.yaml', (text) =>
    text.replace(
      /( *)- directory: .*/,
      `$1- huggingface: { repo: ${repository}, create: public }\n$1- github: { release: true }`,
    ),
  )
  project.commit('Release to the Hub and to GitHub')
  project.run('git', 'branch', '-M', 'main')
  project.run(command, 'init', '--github')
  project.run('git', 'remote', 'add', 'origin', project.origin)

  say('\n1. Push → released')
  say('   $ git push')
  const firstRun = await train()
  const first = await latest()
  demand(firstRun, firstRun.succeeded && first.hub !== null && first.github === `v${first.hub}`, 'the first push')
  project.addTickets()
  const tickets = project.commit('Twelve more tickets')
  say('   $ git commit -m "Twelve more tickets" && git push')
  const secondRun = await train()
  const released = await latest()
  const isNew = released.hub !== null && released.hub !== first.hub && released.github === `v${released.hub}`
  demand(secondRun, secondRun.succeeded && isNew, 'the second push')

  say('\n2. Poisoned pull request → held')
  project.run('git', 'checkout', '-qb', 'relabel')
  const count = project.poison()
  const poison = project.commit('Relabel the tickets')
  await push('relabel')
  const pullRequest = await servers.openPullRequest('Relabel the tickets', 'relabel')
  say(`   Pull request #${pullRequest} gives ${count} tickets a wrong label.`)
  const pull = { number: pullRequest, head: { ref: 'relabel', sha: poison }, base: { ref: 'main' } }
  const payload = { number: pullRequest, pull_request: pull }
  await start({ name: 'pull_request', workflow: 'validate', commit: poison, payload })
  const reported = await start({
    name: 'workflow_run',
    workflow: 'report',
    commit: tickets,
    payload: { workflow_run: finished(poison) },
  })
  const [comment, ...others] = await servers.comments(pullRequest)
  const [check] = await servers.checks(poison)
  demand(reported, comment !== undefined && others.length === 0 && check !== undefined, 'the comment and the check')
  const commentFirstLine = firstLineOf(comment!)
  say(`   The comment on #${pullRequest}: ${commentFirstLine}`)
  say(`   Check "${check!.name}" of ${poison.slice(0, 10)}: ${check!.conclusion}`)
  demand(
    reported,
    commentFirstLine !== '' && check!.conclusion === 'failure',
    'a comment with a verdict, and a check that fails',
  )
  say('   Somebody pushes the same commit to main anyway.')
  project.run('git', 'checkout', '-q', 'main')
  project.run('git', 'merge', '-q', '--ff-only', 'relabel')
  const heldRun = await train()
  const still = await latest()
  const isUnchanged = still.hub === released.hub && still.github === released.github
  const [verdict, end] = servers.ledger().slice(-2)
  const isHeld = verdict?.status === 'fail' && end?.status === 'held' && end.commit === poison
  demand(heldRun, !heldRun.succeeded && isUnchanged && isHeld, 'the gate')
  const failed = verdict!.failed?.map((one) => one.check) ?? []
  say(`   Nothing was released. The ledger of the repository names the checks that failed: ${failed.join(', ')}.`)

  say('\n3. Revert → restored')
  say('   Both commits are reverted: the wrong labels, and the tickets before them.')
  say('   $ git revert HEAD HEAD~1 && git push')
  project.run('git', 'revert', '--no-edit', poison, tickets)
  const restoredRun = await train()
  const restored = await latest()
  const isSame =
    restored.hub !== null && (await servers.bundleOf(restored.hub)) === (await servers.bundleOf(first.hub!))
  // A candidate that was trained has a verdict.
  const record = servers.ledger().find(({ type, version }) => type === 'release' && version === restored.hub)
  const wasTrained = servers.ledger().some(({ type, runId }) => type === 'verdict' && runId === record?.runId)
  const isNewer = restored.hub !== released.hub && restored.github === `v${restored.hub}`
  demand(restoredRun, restoredRun.succeeded && isNewer && isSame && record !== undefined && !wasTrained, 'the revert')
  say(`   ${restored.hub} is the same files as ${first.hub}. Nothing was trained.`)
  say(`\nAll three happened, in ${((performance.now() - startedMs) / 1000).toFixed(0)} s.`)
  return {
    ...{ released, held: { ...still, failed }, commentFirstLine, check: check!.conclusion },
    restored: { ...restored, from: first.hub, wasTrained },
  }
}

/** How GitHub describes the end of `validate.yml` to `report.yml`. */
function finished(commit: string) {
  return {
    ...{ event: 'pull_request', path: '.github/workflows/validate.yml', id: 1, head_sha: commit },
    ...{
      head_branch: 'relabel',
      head_repository: { full_name: repository, owner: { login: repository.split('/')[0] } },
    },
  }
}

/** The first line that says something about the change: below the hidden mark, the heading and who reports. */
function firstLineOf(comment: string): string {
  return /^\*\*.*/m.exec(comment)?.[0] ?? ''
}

function demand({ output }: WorkflowResult, happened: boolean, what: string): void {
  if (happened) return
  const end = output.split('\n').slice(-40).join('\n')
  throw new Error(`${end}\nThis did not go as it should: ${what}. Above are the last lines of the workflow.`)
}
