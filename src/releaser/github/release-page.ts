import type { GitHubApi } from './github-api.js'
import type { Found } from './plan-removal.js'
import { isPrerelease } from './prepare-release.js'
import { branchName } from './registry-branch.js'

/** Sets GitHub's "latest" mark for people. Readers use the channel, so a refusal only logs a warning. */
export async function markLatest(api: GitHubApi, { release, document }: Found): Promise<void> {
  const { version } = document.pending
  if (isPrerelease(version)) return
  const answer = await api.call(`mark ${version} as the latest`, 'PATCH', `releases/${release.id}`, {
    body: { make_latest: 'true' },
    allow: [403, 404, 422],
  })
  if (!answer.ok) api.context.log.warn(`GitHub does not show ${version} as the latest: ${answer.message}`)
}

/** Marks a withdrawal in the title and on top of the notes, which can change even if releases are immutable. */
export async function tellWithdrawn(api: GitHubApi, { release, document }: Found): Promise<void> {
  const { version } = document.pending
  const line = `> **Withdrawn**: use another version. The reason is on the branch \`${branchName}\`.`
  const [name, body] = [release.name ?? version, release.body ?? '']
  await api.call(`say that ${version} is withdrawn`, 'PATCH', `releases/${release.id}`, {
    body: {
      name: name.endsWith(' (withdrawn)') ? name : `${name} (withdrawn)`,
      body: body.startsWith(line) ? body : `${line}\n\n${body}`,
    },
  })
}
