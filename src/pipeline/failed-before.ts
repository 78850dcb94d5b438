import type { LedgerEntry } from '../gate/index.js'

export type VerdictEntry = Extract<LedgerEntry, { readonly type: 'verdict' }>

/**
 * The newest verdict "fail" among those asked for that nobody overrode. One against releases that are all withdrawn now does
 * not count: what the candidate was worse than is not to be used either.
 */
export function failedBefore(
  entries: readonly LedgerEntry[],
  isAskedFor: (entry: VerdictEntry) => boolean,
): VerdictEntry | undefined {
  const overridden = new Set(entries.flatMap((entry) => (entry.type === 'override' ? [entry.runId] : [])))
  const withdrawn = new Set(entries.flatMap((entry) => (entry.type === 'withdrawal' ? [entry.version] : [])))
  const isMoot = ({ against = [] }: VerdictEntry) =>
    against.length > 0 && against.every((version) => withdrawn.has(version))
  return entries.findLast(
    (entry): entry is VerdictEntry =>
      entry.type === 'verdict' &&
      entry.status === 'fail' &&
      !overridden.has(entry.runId) &&
      !isMoot(entry) &&
      isAskedFor(entry),
  )
}
