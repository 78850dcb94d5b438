import { isSheikhError, messageOf, SheikhError } from '../../core/index.js'
import { seenRef } from './ledger-refs.js'

/** A remote that was reached and did not move the branch. */
export const refused = (remote: string, ref: string, reason: string) =>
  new SheikhError(
    'storage-failed',
    `Cannot write into the ledger on "${remote}": it refused to move "${ref}" (${reason}). Allow this user to push to that branch.`,
    { facts: { remote, ref, reason } },
  )

/** More writers than there are attempts. */
export const overtaken = (name: string, cause: unknown) =>
  new SheikhError(
    'release-conflict',
    `Cannot write into the ledger on "${name}": other writers were faster in every attempt. Run again.`,
    { facts: { place: name }, cause, retryable: true },
  )

/** A branch that does not hold what this clone has seen of it. */
export const lost = (name: string, ref: string, found: string | undefined, seen: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust the ledger: "${ref}" on "${name}" ${found === undefined ? 'is gone' : `is at ${found}`}, which does not contain the entries seen at ${seen}: entries were edited or removed. Push ${seen} there again, or accept an intended change with: git update-ref -d ${seenRef}`,
    { facts: { found: found ?? null, seen, place: name } },
  )

/** Objects of the branch are missing or damaged in this clone. @param isRemote whether they were fetched again in vain. */
export const unreadable = (name: string, ref: string, isRemote: boolean, cause: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read the ledger on "${name}": an object of "${ref}" is missing or damaged in this clone, as can happen after a power failure (${messageOf(cause).replace(/\.$/, '')}). ${
      isRemote
        ? `Fetching it again did not help. Push the branch from a clone that has it, or clone the repository again.`
        : `This ledger has no remote. Fetch it from another clone (git fetch --refetch <clone> ${ref}), or restore .git from a backup.`
    }`,
    { facts: { place: name, ref }, cause },
  )

/** The commit of an entry cannot be recorded in this clone. */
export const forgotten = (commit: string, cause: unknown) =>
  new SheikhError(
    isSheikhError(cause) ? cause.code : 'storage-failed',
    `Cannot record in "${seenRef}" that this clone saw the ledger's commit ${commit}, so a later loss of its entries would not be noticed. ${messageOf(cause)}`,
    { facts: { ...(isSheikhError(cause) ? cause.facts : {}), commit }, cause },
  )
