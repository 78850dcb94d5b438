import { digestJson, SheikhError } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { LedgerAnchor, Release } from '../releaser/index.js'

/** The ledger's last line, for a release's record. */
export function anchorOf(entries: readonly LedgerEntry[]): LedgerAnchor | undefined {
  const last = entries.at(-1)
  return last === undefined ? undefined : { sequence: last.sequence, digest: digestJson(last) }
}

/**
 * Checks the ledger against the newest release that remembers one of its lines. The chain itself shows an edit in the
 * middle; only something outside the ledger shows that its end was dropped or that all of it was rewritten.
 *
 * @param history newest first.
 * @returns false if the ledger was lost: it is empty, or it begins with a line about that release or a later one. Sequence
 *   decides, not time: a clock may be set back.
 * @throws `artifact-corrupt` if the line is missing or differs.
 */
export function checkAnchor(entries: readonly LedgerEntry[], history: readonly Release[]): boolean {
  const index = history.findIndex(({ record }) => record.ledger !== undefined)
  const release = history[index]
  if (release?.record.ledger === undefined) return true
  const { sequence, digest } = release.record.ledger
  const entry = entries[sequence]
  if (entry !== undefined && digestJson(entry) === digest) return true
  const [first] = entries
  if (first === undefined || isAbout(first, history.slice(0, index + 1))) return false
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot trust the ledger: the release ${release.version} remembers its line ${sequence + 1}, which is ${entry === undefined ? 'gone' : 'another now'}. Restore the ledger from a copy.`,
    { facts: { version: release.version, line: sequence + 1 } },
  )
}

/** The ledger that such a release remembers has earlier lines: the verdict on it, at least. */
const isAbout = (entry: LedgerEntry, releases: readonly Release[]) =>
  'version' in entry && releases.some(({ version }) => version === entry.version)
