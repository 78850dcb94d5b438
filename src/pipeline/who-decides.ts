import { SheikhError } from '../core/index.js'

/** @throws `invalid-options` if nobody is named. */
export function checkPerson(by: string | undefined, verb: string): void {
  if (typeof by !== 'string' || by.trim() === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot ${verb}: the ledger records who decides, and nobody is named. Give a name (--by on the command line).`,
    )
}

/** @throws `invalid-options` for a blank reason. */
export function checkReason(reason: string | undefined, verb: string): void {
  if (typeof reason !== 'string' || reason.trim() === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot ${verb}: the ledger records why, and there is no reason. Give one (--reason on the command line).`,
    )
}
