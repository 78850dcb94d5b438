import { type CallContext, createRedactor, createRunId, SheikhError } from '../core/index.js'
import { type LedgerEntry, storeLedger } from '../gate/index.js'
import type { Release, Version } from '../releaser/index.js'
import { readHistory } from './lookup.js'
import type { AcceptLossOptions, PipelineParts } from './options.js'
import type { Recovered } from './recovery.js'
import type { Session } from './session.js'
import { checkPerson, checkReason } from './who-decides.js'

/** Versions that the ledger records and the registry lacks, oldest first, except those whose loss a person accepted. */
export function missingReleases(entries: readonly LedgerEntry[], history: readonly Release[]): readonly Version[] {
  const known = new Set(history.map(({ version }) => version))
  const missing = new Set<Version>()
  for (const entry of entries)
    if (entry.type === 'release' && !known.has(entry.version)) missing.add(entry.version)
    else if (entry.type === 'loss') for (const version of entry.versions) missing.delete(version)
  return [...missing]
}

/** Refuses to decide anything without the releases that a candidate must be compared with. @throws `releases-missing`. */
export function checkReleasesPresent(session: Session, { history, entries }: Recovered): void {
  const missing = missingReleases(entries, history)
  if (missing.length === 0) return
  const { releaser } = session.options
  const versions = missing.slice(0, 5).join(', ') + (missing.length > 5 ? ', …' : '')
  throw new SheikhError(
    'releases-missing',
    `Cannot ${session.record.command}: the ledger records ${missing.length === 1 ? 'the release' : 'the releases'} ${versions}, but the registry "${releaser.name}" does not contain ${missing.length === 1 ? 'it' : 'them'}, so nothing could be compared with ${missing.length === 1 ? 'it' : 'them'}. Use a registry that every machine reaches (huggingface, github, s3 or a shared folder), or restore this one from a copy. If the files are lost for good, accept that: sheikh ledger accept-loss --reason "…"`,
    { facts: { versions: missing, registry: releaser.name } },
  )
}

/**
 * Records in the ledger that releases are lost, so that the next run starts without them. Their versions stay used.
 *
 * @returns the versions; none if nothing is missing.
 */
export async function acceptLoss(
  options: PipelineParts,
  context: CallContext,
  { by, reason }: AcceptLossOptions,
): Promise<readonly Version[]> {
  checkPerson(by, 'accept the loss')
  checkReason(reason, 'accept the loss')
  const ledger = options.ledger ?? storeLedger(options.store)
  const versions = missingReleases(await ledger.read(context), await readHistory({ options, context }))
  const runId = createRunId(context.clock.nowMs())
  const hide = createRedactor(options.secrets)
  if (versions.length > 0)
    await ledger.append({ type: 'loss', runId, versions, by: hide(by), reason: hide(reason) }, context)
  return versions
}
