import { canonicalJson, type Json } from '../core/index.js'
import { checkIdentities, type Gate, type LedgerEntry, type Verdict } from '../gate/index.js'
import type { ReleasePolicy } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import { readRun } from './run-records.js'

export type VerdictEntry = Extract<LedgerEntry, { readonly type: 'verdict' }>

/** The check of the finding that repeats an earlier verdict. */
export const earlierVerdict = 'earlier-verdict'

/** The checks that failed a candidate, each as the gate describes it: for the ledger. */
export function failedChecks({ findings }: Verdict, gate: Json): NonNullable<VerdictEntry['failed']> {
  const identities = checkIdentities(gate)
  const names = new Set(findings.flatMap(({ check, status, critical }) => (critical && status === 'fail' ? check : [])))
  return [...names].map((check) => {
    const { version } = JSON.parse(identities.get(check) ?? '{}') as { readonly version?: string }
    return { check, ...(version !== undefined && { version }) }
  })
}

/**
 * The newest verdict "fail" among those asked for that nobody overrode. Three kinds do not count: one against releases that
 * are all withdrawn now, since what the candidate was worse than is not to be used either; one by checks whose version is
 * another one now, since they decide anew; and one that only repeats an earlier verdict, which counts or does not.
 */
export async function failedBefore(
  entries: readonly LedgerEntry[],
  isAskedFor: (entry: VerdictEntry) => boolean,
  { gate, store }: { readonly gate: Gate; readonly store: Store },
): Promise<VerdictEntry | undefined> {
  const withdrawn = new Set(entries.flatMap((entry) => (entry.type === 'withdrawal' ? [entry.version] : [])))
  const isMoot = ({ against = [] }: VerdictEntry) =>
    against.length > 0 && against.every((version) => withdrawn.has(version))
  const failures = entries.filter(
    (entry): entry is VerdictEntry =>
      entry.type === 'verdict' && entry.status === 'fail' && isAskedFor(entry) && !isMoot(entry),
  )
  for (const entry of failures.reverse()) {
    if (isOverridden(entry, entries)) continue
    const failed = entry.failed ?? (await failedOfRun(entry, store))
    if (failed === undefined || !isDecidedAnew(failed, gate)) return entry
  }
  return undefined
}

/** Whether somebody overrode it, or a later verdict on the same candidate and evaluation set. */
function isOverridden({ sequence, runId, bundle, evaluationDigest }: VerdictEntry, entries: readonly LedgerEntry[]) {
  const runs = new Set([runId])
  for (const entry of entries.slice(sequence))
    if (entry.type === 'override' && runs.has(entry.runId) && (entry.bundle ?? bundle) === bundle) return true
    else if (
      entry.type === 'verdict' &&
      entry.status === 'fail' &&
      bundle !== undefined &&
      entry.bundle === bundle &&
      entry.evaluationDigest === evaluationDigest
    )
      runs.add(entry.runId)
  return false
}

/** What a ledger line of an earlier version of this library does not say; `undefined` if this store does not know the run. */
async function failedOfRun({ runId }: VerdictEntry, store: Store): Promise<VerdictEntry['failed']> {
  const { verdict, policy } = (await readRun(store, runId)) ?? {}
  return verdict === undefined || policy === undefined ? undefined : failedChecks(verdict, policy.gate)
}

/** A check that is gone decides nothing anew: a gate without it is looser. */
function isDecidedAnew(failed: NonNullable<VerdictEntry['failed']>, gate: Gate): boolean {
  const own = failed.filter(({ check }) => check !== earlierVerdict)
  const identities = checkIdentities(gate.describe())
  // A gate of a host's own may fail a candidate without naming a check.
  if (failed.length === 0) return false
  return own.every(({ check, version }) => {
    const now = identities.get(check)
    if (now === undefined || version === undefined) return false
    const { version: versionNow } = JSON.parse(now) as { readonly version?: string }
    return versionNow !== version
  })
}

/** Whether a run was judged by the gate as it is now, every check in its version. */
export const isJudgedBy = (policy: ReleasePolicy | undefined, gate: Json): boolean =>
  policy !== undefined && canonicalJson(policy.gate) === canonicalJson(gate)
