import { SheikhError } from '../../core/index.js'
import type { Git } from './git.js'
import { refused } from './ledger-errors.js'
import type { LedgerPlace } from './ledger-place.js'
import { moveRefPastLocks } from './stale-lock.js'

/** A branch of this clone. */
export function localPlace(git: Git, ref: string, watchMs?: number): LedgerPlace {
  return {
    tip: () => git.readRef(ref),
    alike: () => git.branches(ref),
    async move(next, expected, context) {
      if ((await git.branch()) === ref)
        throw new SheikhError(
          'repository-invalid',
          `Cannot move the branch "${ref}": it is checked out. Check out another branch.`,
        )
      const isMoved = await moveRefPastLocks(git, { ref, next, expected }, context, watchMs)
      return isMoved ? undefined : refused('this clone', ref, 'it has moved')
    },
  }
}
