import { SheikhError } from '../core/index.js'
import type { RunRecord } from './run-result.js'

/** A run that `release` or `exportRun` cannot use. */
export const notAwaiting = (verb: 'release' | 'export', runId: string, record: RunRecord | undefined): SheikhError => {
  const state = record && `it is ${record.status}${record.reason === undefined ? '' : ` (${record.reason})`}`
  return new SheikhError(
    'not-found',
    `Cannot ${verb} the run ${runId}: ${state ?? 'the store does not contain it'}. Name a run that ended with: sheikh run --until verdict`,
    { facts: { runId } },
  )
}
