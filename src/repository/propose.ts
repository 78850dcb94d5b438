import { type CallContext, isSheikhError, messageOf, SheikhError } from '../core/index.js'
import { githubApi } from '../releaser/github/index.js'
import { proxyFetch } from '../releaser/remote/index.js'
import { ledgerOptions } from './compose.js'
import type { Configuration } from './config/index.js'
import { type BranchProposal, type Git, type ProposedBranch, proposeBranch } from './git/index.js'
import { addressIn, gitHubRepository, type Surroundings } from './release-targets.js'

export interface Proposal extends Pick<BranchProposal, 'branch' | 'files' | 'author' | 'once'> {
  /** The first line of the commit message, and the title of the pull request. */
  readonly title: string
  /** Markdown without user text: why, and what a reviewer should look at. */
  readonly body: string
  /** Whether a branch that exists stays as it is, and a pull request that somebody closed stays closed. @default false */
  readonly once?: boolean | undefined
}

/** A change that waits for a person: a branch and, on GitHub, a pull request. */
export interface Proposed extends ProposedBranch {
  /** The address of the pull request. Absent: the branch is not on GitHub, or `problem` says why there is none. */
  readonly pullRequest?: string | undefined
  /** Why no pull request was opened, although the branch is on GitHub. */
  readonly problem?: string | undefined
}

/** Where proposals are made from. */
export interface ProposalPlace {
  readonly git: Git
  readonly surroundings: Surroundings
  readonly configuration: Configuration
}

/**
 * Proposes a change as a branch at `origin`, and opens a pull request if `origin` is on GitHub and `GITHUB_TOKEN` is set. Nothing is
 * pushed to the current branch. The same proposal again changes nothing.
 *
 * @throws as `proposeBranch`.
 */
export async function propose(place: ProposalPlace, proposal: Proposal, context: CallContext): Promise<Proposed> {
  const { git, surroundings, configuration } = place
  const { onAuth, environment } = ledgerOptions(surroundings, configuration)
  const { title, body, ...files } = proposal
  const message = `${title}\n\n${body}\n`
  const branch = await proposeBranch(git, { ...files, message, onAuth, environment }, context)
  if (branch.remote === undefined) return branch
  try {
    return { ...branch, pullRequest: await pullRequestOf(place, proposal, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    // The branch is there: a person can open the pull request.
    if (!isSheikhError(error)) throw error
    return { ...branch, problem: messageOf(error) }
  }
}

interface PullRequest {
  readonly html_url: string
}

/** The open pull request of the branch, or a new one. */
async function pullRequestOf(
  { git, surroundings }: ProposalPlace,
  { branch, title, body, once = false }: Proposal,
  context: CallContext,
): Promise<string | undefined> {
  const { environment } = surroundings
  const token = environment['GITHUB_TOKEN']
  const repository = await gitHubRepository(undefined, surroundings)
  if (!token || repository === undefined) return undefined
  const baseUrl = addressIn(environment, 'GITHUB_API_URL', 'https://api.github.com') ?? 'https://api.github.com'
  const github = githubApi({ repository, token, baseUrl, fetch: proxyFetch(environment) }, context)
  const owner = repository.split('/')[0]!
  const query = `state=${once ? 'all' : 'open'}&head=${encodeURIComponent(`${owner}:${branch}`)}`
  const find = async () => {
    const { value } = await github.call<readonly PullRequest[]>('list the pull requests', 'GET', `pulls?${query}`)
    return Array.isArray(value) ? (value[0] as PullRequest | undefined)?.html_url : undefined
  }
  const open = await find()
  if (open !== undefined) return open
  const base = (await git.branch())?.replace(/^refs\/heads\//, '') ?? environment['GITHUB_REF_NAME'] ?? 'main'
  // 422: an earlier attempt opened it, and the answer was lost; or GitHub has another reason.
  const made = await github.call<PullRequest>('open the pull request', 'POST', 'pulls', {
    body: { title, body, head: branch, base },
    allow: [422],
  })
  const url = made.ok ? made.value.html_url : await find()
  if (url !== undefined) return url
  throw new SheikhError(
    'remote-failed',
    `Cannot open the pull request: GitHub answered "${made.message}". Open it for the branch "${branch}".`,
  )
}
