import { SheikhError } from '../../core/index.js'
import type { Git } from './git.js'

/** The ledger's commit that was seen last in this clone, wherever the branch is kept. */
export const seenRef = 'refs/sheikh/ledger-seen'

/**
 * A branch's last commit, with everything of it in this clone.
 *
 * @param find asks where it stands.
 * @param fetch brings what is missing here.
 */
export async function fetchedTip(
  git: Git,
  remote: string,
  find: () => Promise<string | undefined>,
  fetch: () => Promise<unknown>,
): Promise<string | undefined> {
  // More than once: between asking and fetching the branch may be replaced by one that does not hold what was found.
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const tip = await find()
    if (tip === undefined || (await git.readCommit(tip)) !== undefined) return tip
    await fetch()
    if ((await git.readCommit(tip)) !== undefined) return tip
  }
  throw new SheikhError(
    'storage-failed',
    `Cannot reach the remote "${remote}": the branch changed during every fetch. Run again.`,
    { facts: { remote }, retryable: true },
  )
}
