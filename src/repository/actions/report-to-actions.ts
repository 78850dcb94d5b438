import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type CallContext, createRedactor, isSheikhError, messageOf, withoutLinks } from '../../core/index.js'
import { type GitHubAddress, type GitHubApi, githubApi } from '../../releaser/github/index.js'
import type { RetryOptions } from '../../releaser/remote/index.js'
import type { EnvironmentVariables } from '../git/index.js'
import { createCheckRun } from './check-run.js'
import { commentOn } from './pull-request-comment.js'
import { appendOutputs, appendSummary } from './step-files.js'
import { annotation, quoted, shortened } from './workflow-text.js'

/** What a workflow reports. `error`: nothing was compared. */
export interface ActionsReport {
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'error'
  /** One sentence. */
  readonly summary: string
  /** Markdown. */
  readonly report: string
  /** Further outputs of the step. */
  readonly outputs?: Readonly<Record<string, string | number | undefined>> | undefined
  /** Name of the check run, and key of the comment. @default 'sheikh gate' */
  readonly name?: string | undefined
  /** Whether a pull request gets a comment. @default true */
  readonly comment?: boolean | undefined
  /** Errors in files, shown at their lines. GitHub shows the first ten. */
  readonly places?: readonly ReportPlace[] | undefined
  /** Warnings in files, shown at their lines. GitHub shows the first ten. @default none */
  readonly warnings?: readonly ReportPlace[] | undefined
  readonly patience?: RetryOptions | undefined
}

export interface ReportPlace {
  /** Relative to the repository's root. */
  readonly path: string
  /** From 1. Absent for the whole file. */
  readonly line?: number | undefined
  /** From 1. */
  readonly column?: number | undefined
  readonly message: string
}

/** GitHub shows this many annotations of a kind per step. One is for the summary. */
const mostPlaces = 9
/** GitHub allows 65,536 characters. */
const longestCommentBytes = 60_000
const conclusions = { pass: 'success', fail: 'failure', inconclusive: 'neutral', error: 'failure' } as const
const annotations = { pass: 'notice', fail: 'error', inconclusive: 'warning', error: 'error' } as const

/**
 * Reports a comparison from inside GitHub Actions: outputs of the step, job summary, a check run and a comment on the
 * pull request that is updated in place. Does what the environment variables of the runner allow; a token that may
 * not write, and a GitHub that does not answer, are mentioned in the summary and change nothing else.
 *
 * @returns text for standard output, with workflow commands.
 */
export async function reportToActions(
  given: ActionsReport,
  environment: EnvironmentVariables,
  context: CallContext,
): Promise<string> {
  const { verdict, name = 'sheikh gate', comment = true, outputs = {}, places = [], warnings = [] } = given
  const redact = createRedactor([environment['GITHUB_TOKEN'] ?? ''].filter((token) => token !== ''))
  const [summary, report] = [redact(given.summary), withoutLinks(redact(given.report))]
  const event = await readEvent(environment['GITHUB_EVENT_PATH'])
  const page = `### ${withoutLinks(name)}\n\n${report}`
  const problems: string[] = []
  const attempt = async (act: string, work: () => Promise<unknown>) => {
    try {
      await work()
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isSheikhError(error)) throw error
      const why = error.code === 'access-denied' ? readOnly : redact(messageOf(error))
      problems.push(`${act} failed: ${why}`)
    }
  }
  const address = addressOf(environment, given.patience)
  const headSha = headOf(event, environment)
  if (address !== undefined) {
    const github = githubApi(address, context)
    const shown = shortened(report, longestCommentBytes, 'The report is longer: see the summary of the job.')
    if (headSha !== undefined)
      await attempt('Creating the check run', () =>
        createCheckRun(
          address,
          { name, headSha, conclusion: conclusions[verdict], title: summary, summary: shown },
          context,
        ),
      )
    if (comment)
      await attempt('Commenting', async () => {
        const pullRequest = await pullRequestOf(event, github)
        if (pullRequest === undefined) return
        const body = shortened(page, longestCommentBytes, 'The report is longer: see the summary of the job.')
        const author = environment['SHEIKH_COMMENT_AUTHOR'] || 'github-actions[bot]'
        await commentOn(github, { pullRequest, key: name, author, body })
      })
  }
  const notes = problems.map((problem) => `> ${withoutLinks(problem)}`)
  await appendSummary(environment['GITHUB_STEP_SUMMARY'], [page, ...notes].join('\n\n'))
  await appendOutputs(environment['GITHUB_OUTPUT'], { verdict, summary, ...outputs })
  return [
    quoted([report, ...problems].join('\n\n'), randomUUID()),
    annotation(annotations[verdict], name, summary),
    ...places.slice(0, mostPlaces).map((place) => annotation('error', name, redact(place.message), place)),
    ...problems.map((problem) => annotation('warning', name, problem)),
    ...warnings.slice(0, mostPlaces).map((place) => annotation('warning', name, redact(place.message), place)),
  ].join('\n')
}

const readOnly =
  'the token may not write. Pull requests from forks have a read-only token; otherwise give the job "pull-requests: write" and "checks: write".'

/** What the event says about the commit that was evaluated. */
interface ActionsEvent {
  readonly pull_request?: { readonly number?: unknown; readonly head?: { readonly sha?: unknown } }
  /** The other workflow, for one that is started by `workflow_run`. */
  readonly workflow_run?: {
    readonly event?: unknown
    readonly head_sha?: unknown
    readonly head_branch?: unknown
    readonly head_repository?: { readonly owner?: { readonly login?: unknown } } | null
  }
}

async function readEvent(path: string | undefined): Promise<ActionsEvent> {
  try {
    return ((await readFile(path ?? '', 'utf8').then(JSON.parse)) ?? {}) as ActionsEvent
  } catch {
    return {}
  }
}

/** A pull request's own commit is in the event: `GITHUB_SHA` is a merge that nobody pushed. */
function headOf({ pull_request: pull, workflow_run: run }: ActionsEvent, environment: EnvironmentVariables) {
  const sha = run?.head_sha ?? pull?.head?.sha ?? environment['GITHUB_SHA']
  return typeof sha === 'string' && /^[0-9a-f]{40,64}$/.test(sha) ? sha : undefined
}

/** After `workflow_run` GitHub is asked by branch and commit: an artifact of the other run could name any pull request. */
async function pullRequestOf({ pull_request: pull, workflow_run: run }: ActionsEvent, github: GitHubApi) {
  if (Number.isSafeInteger(pull?.number)) return pull?.number as number
  if (run?.event !== 'pull_request') return undefined
  const head = `${String(run.head_repository?.owner?.login)}:${String(run.head_branch)}`
  const { value } = await github.call<readonly { readonly number: number; readonly head: { readonly sha: string } }[]>(
    'find the pull request',
    'GET',
    `pulls?state=open&per_page=100&head=${encodeURIComponent(head)}`,
  )
  // A proxy may answer anything.
  const found = Array.isArray(value) ? (value as typeof value) : []
  return found.find((one) => one.head.sha === run.head_sha && Number.isSafeInteger(one.number))?.number
}

function addressOf(environment: EnvironmentVariables, patience: RetryOptions | undefined): GitHubAddress | undefined {
  const { GITHUB_TOKEN: token, GITHUB_REPOSITORY: repository, GITHUB_API_URL: baseUrl } = environment
  if (!token || !/^[\w.-]+\/[\w.-]+$/.test(repository ?? '')) return undefined
  return { repository: repository!, token, baseUrl: baseUrl || 'https://api.github.com', fetch, patience }
}
