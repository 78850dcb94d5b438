import { SheikhError } from '../core/index.js'
import type { Repository } from '../repository/index.js'

/** The person that the ledger records: `--by`, or Git's identity. @throws `invalid-options` without either. */
export async function whoDecides(repository: Repository, by: unknown, command: string): Promise<string> {
  const person = typeof by === 'string' ? by.trim() : await repository.author()
  if (person !== undefined && person !== '') return person
  throw new SheikhError(
    'invalid-options',
    `Cannot ${command}: the ledger records who decides, and Git knows no name and e-mail address here. Add --by "Your Name", or set user.name and user.email in Git.`,
  )
}
