import { bodyOf, type Exchange, type GitHubResponse, invalid, json, notFound, page } from './exchange.js'
import { type GitHubIssueState, nextNumber } from './github-state.js'

/** GitHub's limits, in characters. */
const longestTitle = 256
const longestBody = 65_536

/** Issues: opened, listed by state and labels, closed. */
export function issueRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, path, query, repository } = exchange
  const { issues } = repository
  if (path === 'issues' && method === 'POST') return create(exchange)
  if (path === 'issues' && method === 'GET') {
    const [state, asked] = [query.get('state') ?? 'open', query.get('labels')?.split(',') ?? []]
    const found = issues.filter(
      (issue) => (state === 'all' || issue.state === state) && asked.every((label) => issue.labels.includes(label)),
    )
    const isOldestFirst = query.get('direction') === 'asc'
    return page(exchange, (isOldestFirst ? found : found.toReversed()).map(shape))
  }
  const issue = issues.find(({ number }) => path === `issues/${number}`)
  if (issue === undefined) return notFound
  if (method === 'PATCH') {
    const { state, state_reason: reason } = bodyOf(exchange)
    if (state !== undefined && state !== 'open' && state !== 'closed') return invalid('Issue', 'invalid', 'state')
    if (state !== undefined) issue.state = state
    issue.stateReason = typeof reason === 'string' ? reason : undefined
  }
  return json(200, shape(issue))
}

function create(exchange: Exchange): GitHubResponse {
  const { repository } = exchange
  const { title, body = '', labels = [] } = bodyOf(exchange)
  if (typeof title !== 'string' || title === '' || title.length > longestTitle)
    return invalid('Issue', title === undefined ? 'missing_field' : 'custom', 'title')
  if (typeof body !== 'string' || body.length > longestBody) return invalid('Issue', 'custom', 'body')
  const number = nextNumber(repository)
  const made: GitHubIssueState = { number, title, body, labels: labels as readonly string[], state: 'open' }
  repository.issues.push(made)
  return json(201, shape(made))
}

const shape = ({ number, title, body, labels, state, stateReason }: GitHubIssueState) => ({
  ...{ number, title, body, state, state_reason: stateReason ?? null },
  labels: labels.map((name) => ({ name })),
})
