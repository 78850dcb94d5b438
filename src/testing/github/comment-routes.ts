import { bodyOf, type Exchange, type GitHubResponse, invalid, json, notFound, nothing, page } from './exchange.js'
import type { GitHubCheckRunState, GitHubCommentState } from './github-state.js'

/** The author of what a workflow's own token writes. */
const bot = 'github-actions[bot]'
/** GitHub's limit, in characters. */
const longestBody = 65_536

/** Comments on issues and pull requests. */
export function commentRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, path, repository, state } = exchange
  const { comments } = repository
  const [, issue] = /^issues\/(\d+)\/comments$/.exec(path) ?? []
  const [, id] = /^issues\/comments\/(\d+)$/.exec(path) ?? []
  const body = bodyOf(exchange)['body']
  const isWrong = (method === 'POST' || method === 'PATCH') && !(typeof body === 'string' && body.length <= longestBody)
  if (isWrong) return invalid('IssueComment', typeof body === 'string' ? 'custom' : 'missing_field', 'body')
  if (issue !== undefined) {
    if (method === 'GET') return page(exchange, comments.filter((one) => one.issue === Number(issue)).map(shape))
    if (method !== 'POST') return undefined
    const made = { id: state.nextId++, issue: Number(issue), author: bot, body: String(body) }
    comments.push(made)
    return json(201, shape(made))
  }
  const comment = comments.find((one) => one.id === Number(id))
  if (comment === undefined) return notFound
  if (method === 'DELETE') {
    comments.splice(comments.indexOf(comment), 1)
    return nothing
  }
  if (method === 'PATCH') comment.body = String(body)
  return json(200, shape(comment))
}

/** Created by name and commit, and listed by commit and `check_name`, newest first. */
export function checkRunRoutes(exchange: Exchange): GitHubResponse | undefined {
  const { method, path, repository, state } = exchange
  const [, commit] = /^commits\/([0-9a-f]{40})\/check-runs$/.exec(path) ?? []
  if (method === 'GET' && commit !== undefined) {
    const named = exchange.query.get('check_name')
    const runs = repository.checkRuns
      .filter(({ headSha, name }) => headSha === commit && (named === null || name === named))
      .toReversed()
    const listed = page(exchange, runs.map(checkRunShape))
    return { ...listed, body: { total_count: runs.length, check_runs: listed.body } }
  }
  if (method !== 'POST' || path !== 'check-runs') return undefined
  const { name, head_sha: headSha, external_id: externalId, conclusion, output } = bodyOf(exchange)
  if (typeof name !== 'string') return invalid('CheckRun', 'missing_field', 'name')
  const { title, summary } = (output ?? {}) as Record<string, unknown>
  const made = {
    ...{ id: state.nextId++, name, headSha: String(headSha), conclusion: String(conclusion) },
    ...{ title: String(title), summary: String(summary) },
    ...(typeof externalId === 'string' && { externalId }),
  }
  repository.checkRuns.push(made)
  return json(201, checkRunShape(made))
}

const checkRunShape = ({ id, name, headSha, conclusion, externalId, title, summary }: GitHubCheckRunState) => ({
  ...{ id, name, head_sha: headSha, status: 'completed', conclusion },
  external_id: externalId ?? '',
  output: { title, summary },
})

const shape = ({ id, author, body }: GitHubCommentState) => ({ id, body, user: { login: author, type: 'Bot' } })
