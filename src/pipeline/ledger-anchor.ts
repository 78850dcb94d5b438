import { type Digest, digestJson, type Json, SheikhError } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { Release } from '../releaser/index.js'

/** A line of the ledger as a release remembers it. */
interface Anchor {
  readonly sequence: number
  readonly digest: Digest
}

/** The ledger's last line, for a release's record. */
export function anchorOf(entries: readonly LedgerEntry[]): Json | undefined {
  const last = entries.at(-1)
  return last === undefined ? undefined : { sequence: last.sequence, digest: digestJson(last as unknown as Json) }
}

/**
 * Whether the newest release that remembers a line of the ledger finds it there. A chain shows an edit in its middle; that
 * its end was dropped, or that it was written anew, only something outside it shows.
 *
 * @returns false where the ledger began after that release: it was lost, and nothing of it can be checked.
 * @throws `artifact-corrupt` where the line is gone or another.
 */
export function checkAnchor(entries: readonly LedgerEntry[], history: readonly Release[]): boolean {
  const release = history.find(({ record }) => record.ledger !== undefined)
  if (release === undefined) return true
  const [first] = entries
  if (first === undefined || first.atMs > release.promotedAtMs) return false
  const { sequence, digest } = release.record.ledger as unknown as Anchor
  const entry = entries[sequence]
  if (entry !== undefined && digestJson(entry as unknown as Json) === digest) return true
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot trust the ledger: the release ${release.version} remembers its line ${sequence + 1}, which is ${entry === undefined ? 'gone' : 'another now'}. Restore the ledger from a copy.`,
    { facts: { version: release.version, line: sequence + 1 } },
  )
}
