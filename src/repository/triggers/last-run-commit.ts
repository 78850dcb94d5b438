import type { LedgerEntry } from '../../gate/index.js'
import { commitOf } from '../../pipeline/index.js'
import type { Git } from '../git/index.js'

/** The commit that the last run took, or why it is not known here. */
export type LastRunCommit = { readonly commit: string } | { readonly unknown: string }

/**
 * The newest entry of the ledger whose commit is in the history of HEAD. Entries of other branches are passed over, except a
 * release: it replaced what an earlier commit had released.
 */
export async function lastRunCommit(git: Git, entries: readonly LedgerEntry[], head: string): Promise<LastRunCommit> {
  const seen = new Set<string>()
  for (const entry of entries.toReversed()) {
    const commit = commitOf(entry)
    if (commit === undefined || seen.has(commit)) continue
    seen.add(commit)
    if (commit === head) return { commit }
    const isHere = (await git.readCommit(commit)) !== undefined
    if (isHere && (await git.isDescendant(head, commit))) return { commit }
    const name = commit.slice(0, 10)
    if (git.isShallow())
      return {
        unknown: `This shallow clone does not contain the commit ${name} of the last run. Fetch the whole history (git fetch --unshallow, or fetch-depth: 0 in actions/checkout).`,
      }
    if (entry.type === 'release')
      return {
        unknown: `The release ${entry.version} was made from the commit ${name}, which is not in the history of HEAD.`,
      }
  }
  return {
    unknown:
      seen.size === 0
        ? 'The ledger records no run yet.'
        : 'No commit that the ledger records is in the history of HEAD: the branch was rewritten, or it is another one.',
  }
}
