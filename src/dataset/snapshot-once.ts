import { type CallContext, callContext } from '../core/index.js'
import type { Store } from '../store/index.js'
import type { Dataset } from './dataset.js'
import type { DatasetSnapshot } from './dataset-types.js'

/**
 * Reads the rows once per process, for the jobs of a worker. The reading continues after the job that began it was aborted; a
 * failure is forgotten.
 */
export function snapshotOnce<I, T>(
  dataset: Dataset<I, T>,
): (store: Store, context: CallContext) => Promise<DatasetSnapshot<I, T>> {
  let snapshot: Promise<DatasetSnapshot<I, T>> | undefined
  return (store, { clock, log }) => {
    const reading = snapshot ?? dataset.snapshot({ ...callContext({ clock, log }), cache: store.documents })
    snapshot = reading
    reading.catch(() => {
      if (snapshot === reading) snapshot = undefined
    })
    return reading
  }
}
