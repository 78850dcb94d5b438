import { SheikhError } from '../core/index.js'
import type { Repository } from '../repository/index.js'

/** The person whom the ledger records: `--by`, or the user of Git. @throws `invalid-options` if neither is set. */
export async function whoDecides(repository: Repository, by: unknown, command: string): Promise<string> {
  const person = typeof by === 'string' ? by.trim() : await repository.author()
  if (person !== undefined && person !== '') return person
  throw new SheikhError(
    'invalid-options',
    `Cannot ${command}: the ledger records who decides, but Git has no user.name and user.email. Add --by "Your Name", or set both in Git.`,
  )
}
