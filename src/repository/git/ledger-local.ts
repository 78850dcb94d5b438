import { isSheikhError, SheikhError } from '../../core/index.js'
import type { Git } from './git.js'
import { refused } from './ledger-errors.js'
import type { LedgerPlace } from './ledger-place.js'

/** A branch of this clone. */
export function localPlace(git: Git, ref: string): LedgerPlace {
  return {
    tip: () => git.readRef(ref),
    async move(next, expected) {
      if ((await git.branch()) === ref)
        throw new SheikhError(
          'repository-invalid',
          `Cannot write into the ledger: its branch "${ref}" is checked out. Check out another one.`,
        )
      try {
        return (await git.moveRef(ref, next, expected)) ? undefined : refused('this clone', ref, 'it stands elsewhere')
      } catch (error) {
        // Whoever is writing is quick; a lock that stays is told of when all attempts are used up.
        if (isSheikhError(error, 'locked')) return error
        throw error
      }
    },
  }
}
