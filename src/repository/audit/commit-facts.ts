import type { Author, PastCommit } from '../git/index.js'

/** Who committed what, and when. JSON. */
export interface CommitFacts {
  readonly commit: string
  readonly author: Author
  /** When the author made it, in milliseconds since 1970. */
  readonly atMs: number
  /** The first line of the message. */
  readonly subject: string
  /** The pull request that its message names, or the message of the merge that brought it. */
  readonly pullRequest?: number | undefined
}

export function commitFacts(
  { oid, author, atMs, message }: PastCommit,
  pullRequests: ReadonlyMap<string, number>,
): CommitFacts {
  const pullRequest = pullRequests.get(oid)
  return { commit: oid, author, atMs, subject: subjectOf(message), ...(pullRequest !== undefined && { pullRequest }) }
}

const subjectOf = (message: string) => message.trimStart().split('\n', 1)[0]!.trimEnd()

/** As GitHub writes it: `Merge pull request #12 from …`, or `… (#12)` after a squash or rebase. */
function pullRequestIn(message: string): number | undefined {
  const subject = subjectOf(message)
  const [, digits] = /^Merge pull request #(\d{1,9})\b/.exec(subject) ?? /\(#(\d{1,9})\)$/.exec(subject) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** The pull request of each commit, if one is known: its own, or that of the oldest merge that brought it. */
export function pullRequestsOf(commits: readonly PastCommit[]): ReadonlyMap<string, number> {
  const known = new Map(commits.map((commit) => [commit.oid, commit]))
  const found = new Map<string, number>()
  const seen = new Set<string>()
  /** A line of first parents, oldest first, that a merge brought. */
  const lineFrom = (tip: string) => {
    const line: PastCommit[] = []
    for (
      let next = known.get(tip);
      next !== undefined && !seen.has(next.oid);
      next = known.get(next.parents[0] ?? '')
    ) {
      seen.add(next.oid)
      line.push(next)
    }
    return line.reverse()
  }
  // By a list and not by recursion: a history may be deeper than the stack.
  const open = commits.map(({ oid }) => ({ tip: oid, pullRequest: undefined as number | undefined })).reverse()
  const lines: { readonly line: readonly PastCommit[]; at: number; readonly pullRequest: number | undefined }[] = []
  for (;;) {
    const last = lines.at(-1)
    if (last === undefined || last.at >= last.line.length) {
      if (last !== undefined) lines.pop()
      else {
        const next = open.pop()
        if (next === undefined) return found
        lines.push({ line: lineFrom(next.tip), at: 0, pullRequest: undefined })
      }
      continue
    }
    const { oid, parents, message } = last.line[last.at]!
    last.at += 1
    const own = pullRequestIn(message) ?? last.pullRequest
    if (own !== undefined) found.set(oid, own)
    for (const parent of parents.slice(1).reverse()) lines.push({ line: lineFrom(parent), at: 0, pullRequest: own })
  }
}
