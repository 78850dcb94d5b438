import { SheikhError } from '../core/index.js'

/** @throws `invalid-options` if nobody is named. */
export function checkPerson(by: string | undefined, verb: string): void {
  if (typeof by !== 'string' || by.trim() === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot ${verb}: the ledger records who decides, but no name was given. Pass a name (--by on the command line).`,
    )
}

/** @throws `invalid-options` for a blank reason. */
export function checkReason(reason: string | undefined, verb: string): void {
  if (typeof reason !== 'string' || reason.trim() === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot ${verb}: the ledger records why, but no reason was given. Pass a reason (--reason on the command line).`,
    )
}
