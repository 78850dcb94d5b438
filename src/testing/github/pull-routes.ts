import { bodyOf, type Exchange, type GitHubResponse, invalid, json, notFound, page } from './exchange.js'
import { type GitHubPullRequestState, type GitHubRepositoryState, nextNumber } from './github-state.js'

/** Pull requests: opened from a branch of the repository, listed by the branch that they come from, read by number. */
export function pullRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, path, query, repository } = exchange
  if (path === 'pulls' && method === 'POST') return create(exchange)
  if (method !== 'GET') return undefined
  const shown = (pull: GitHubPullRequestState) => shape(repository, pull)
  if (path === 'pulls') {
    const head = query.get('head')
    const state = query.get('state') ?? 'open'
    const isListed = (pull: GitHubPullRequestState) =>
      (head === null || pull.head === head) && (state === 'all' || state === (pull.state ?? 'open'))
    return page(exchange, repository.pullRequests.filter(isListed).map(shown))
  }
  const found = repository.pullRequests.find(({ number }) => path === `pulls/${number}`)
  return found === undefined ? notFound : json(200, shown(found))
}

function create(exchange: Exchange): GitHubResponse {
  const { repository } = exchange
  const { pullRequests, refs } = repository
  const { title, body, head, base } = bodyOf(exchange)
  if (typeof title !== 'string' || title === '') return invalid('PullRequest', 'missing_field', 'title')
  const baseSha = refs.get(`refs/heads/${base}`)
  if (baseSha === undefined) return invalid('PullRequest', 'invalid', 'base')
  const label = String(head).includes(':') ? String(head) : `${ownerOf(repository)}:${head}`
  const headSha = refs.get(`refs/heads/${branchOf(repository, label)}`)
  if (headSha === undefined) return invalid('PullRequest', 'invalid', 'head')
  // "No commits between" the two, or one pull request for the branch already.
  if (headSha === baseSha || pullRequests.some((pull) => pull.head === label && pull.state !== 'closed'))
    return invalid('PullRequest', 'custom', 'head')
  const number = nextNumber(repository)
  const made = { number, title, head: label, headSha, base: String(base), ...(typeof body === 'string' && { body }) }
  pullRequests.push(made)
  return json(201, shape(repository, made))
}

/** The branch of a label `owner:branch` in the repository itself; `undefined` for a fork's. */
const branchOf = (repository: GitHubRepositoryState, label: string) =>
  label.startsWith(`${ownerOf(repository)}:`) ? label.slice(ownerOf(repository).length + 1) : undefined

const ownerOf = ({ name }: GitHubRepositoryState) => name.split('/')[0]!

function shape(repository: GitHubRepositoryState, pull: GitHubPullRequestState) {
  const { number, title = '', body = '', state = 'open', head, headSha, base } = pull
  const [login] = head.split(':')
  return {
    ...{ number, title, body, state, html_url: `https://github.com/${repository.name}/pull/${number}` },
    head: { label: head, ref: head.slice(login!.length + 1), sha: headSha, user: { login } },
    base: { ref: base ?? repository.defaultBranch },
  }
}
