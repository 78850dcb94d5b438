import { type Digest, SheikhError } from '../core/index.js'
import type { DatasetState } from './dataset-state.js'
import type { DatasetContext, DatasetSummary } from './dataset-types.js'
import { filesWarning } from './issues.js'
import { type QuarantinedSample, quarantineWarnings } from './quarantine.js'
import { type Scan, scan } from './scan.js'

/** A scan without the samples that are excluded. */
export interface UsedScan extends Scan {
  /** Number of samples that are excluded. */
  readonly quarantined: number
  readonly quarantineWarnings: DatasetSummary['warnings']
}

/** Scans the samples that a dataset uses. @throws `dataset-invalid`, also if there are none, or none has a target. */
export async function scanUsed(
  { listed, options, schema, key, quarantined, named }: DatasetState,
  context: DatasetContext,
): Promise<UsedScan> {
  const all = await scan(listed, options, schema, key, context, { named })
  const found = withoutQuarantined(all, quarantined)
  const { source, target } = options
  const [unread] = filesWarning('unread-files', ['was not read', 'were not read'], found.skipped)
  if (found.rows.length === 0 && found.quarantined > 0)
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the dataset: every sample (${found.quarantined}) is quarantined. To use samples again: sheikh data quarantine --undo <id>`,
    )
  if (found.rows.length === 0)
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the dataset: the source "${source.name}"${source.location === undefined ? '' : ` at ${JSON.stringify(source.location)}`} has no samples.${unread === undefined ? '' : ` ${unread.message}`} Add samples.`,
    )
  if (target !== undefined && !found.rows.some(({ targetKey }) => targetKey !== undefined))
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the dataset: no sample has a target${typeof target === 'string' ? ` (the field ${JSON.stringify(target)})` : ''}. Correct the samples, or the name of the target field.`,
    )
  await named?.save()
  return found
}

function withoutQuarantined(found: Scan, excluded: readonly QuarantinedSample[]): UsedScan {
  if (excluded.length === 0) return { ...found, quarantined: 0, quarantineWarnings: [] }
  const ids = new Set(excluded.map(({ id }) => id))
  const digests = new Map<string, Digest>()
  for (const { id, sampleDigest } of found.rows) if (ids.has(id)) digests.set(id, sampleDigest)
  return {
    ...found,
    rows: found.rows.filter(({ id }) => !ids.has(id)),
    quarantined: digests.size,
    quarantineWarnings: quarantineWarnings(excluded, digests),
  }
}
