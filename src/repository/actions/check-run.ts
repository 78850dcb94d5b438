import { randomUUID } from 'node:crypto'
import type { CallContext } from '../../core/index.js'
import { type GitHubAddress, githubApi } from '../../releaser/github/index.js'
import type { Fetch } from '../../releaser/remote/index.js'

export interface CheckRun {
  readonly name: string
  readonly headSha: string
  readonly conclusion: string
  readonly title: string
  readonly summary: string
}

/**
 * Creates a check run, once: a check run cannot be deleted. If a request was sent and its answer was lost, the next attempt first
 * looks for the check run by an id of this call.
 */
export async function createCheckRun(
  address: GitHubAddress,
  { name, headSha, conclusion, title, summary }: CheckRun,
  context: CallContext,
): Promise<void> {
  const externalId = randomUUID()
  let wasSent = false
  const fetch: Fetch = async (input, init) => {
    if (wasSent) {
      const made = await madeBefore(String(input), init)
      if (made !== undefined) return made
    }
    wasSent = true
    return address.fetch(input, init)
  }
  /** @returns the check run as the answer that was lost, or a refusal to list; `undefined` if there is none. */
  const madeBefore = async (url: string, init: RequestInit = {}): Promise<Response | undefined> => {
    const list = url.replace(/check-runs$/, `commits/${headSha}/check-runs?filter=all&per_page=100`)
    const query = `&check_name=${encodeURIComponent(name)}`
    const response = await address.fetch(`${list}${query}`, { ...init, method: 'GET', body: null })
    if (!response.ok) return response
    const { check_runs: runs } = (await response.json()) as { check_runs?: readonly { external_id?: unknown }[] }
    const made = runs?.find((run) => run.external_id === externalId)
    return made && Response.json(made, { status: 201 })
  }
  await githubApi({ ...address, fetch }, context).call('create the check run', 'POST', 'check-runs', {
    body: {
      ...{ name, head_sha: headSha, external_id: externalId, status: 'completed', conclusion },
      // GitHub refuses an empty title.
      output: { title: title.trim() === '' ? conclusion : title.slice(0, 250).toWellFormed(), summary },
    },
  })
}
