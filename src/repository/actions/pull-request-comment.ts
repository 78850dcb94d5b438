import { isSheikhError } from '../../core/index.js'
import type { GitHubApi } from '../../releaser/github/index.js'

interface Comment {
  readonly id: number
  readonly body?: string | null
  readonly user: { readonly login: string } | null
}

export interface CommentRequest {
  /** Number of the pull request. */
  readonly pullRequest: number
  /** Tells several comments of this author apart. Hidden in the comment. */
  readonly key: string
  /** The login that the token writes as. */
  readonly author: string
  readonly body: string
}

// Different for different keys, in any script; ">" is escaped, so that a key cannot end the marker.
const markerOf = (key: string) => `<!-- sheikh-gate ${encodeURIComponent(key.toWellFormed())} -->`

/**
 * Makes one comment of this author say `body`: updates the comment that an earlier run left, or posts one. Comments of
 * other authors are left alone, also with the same marker. A request that was answered late may have been carried out
 * twice, and two runs may post at once: the oldest comment stays, and the others are deleted.
 */
export async function commentOn(github: GitHubApi, request: CommentRequest): Promise<void> {
  const marker = markerOf(request.key)
  const body = `${marker}\n${request.body}`
  const list = `issues/${request.pullRequest}/comments`
  const own = async () =>
    (await github.all<Comment>('list the comments', list))
      .filter(
        (comment) =>
          comment.user?.login.toLowerCase() === request.author.toLowerCase() && comment.body?.startsWith(marker),
      )
      .sort((one, other) => one.id - other.id)
  const post = () => github.call('post the comment', 'POST', list, { body: { body } })

  if ((await own()).length === 0) await post()
  const [kept, ...others] = await own()
  for (const { id } of others)
    await github.call('delete a duplicate comment', 'DELETE', `issues/comments/${id}`, { allow: [404] })
  if (kept === undefined || kept.body === body) return
  try {
    await github.call('update the comment', 'PATCH', `issues/comments/${kept.id}`, { body: { body } })
  } catch (error) {
    // Deleted by hand since it was listed.
    if (!isSheikhError(error, 'not-found')) throw error
    await post()
  }
}
