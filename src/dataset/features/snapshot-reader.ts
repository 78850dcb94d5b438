import { stat } from 'node:fs/promises'
import type { CallContext } from '../../core/index.js'
import { fileStamp, isSettled, nanosecondsOf } from '../../store/index.js'
import { type LoadedSnapshot, loadSnapshot } from './feature-snapshot.js'

/**
 * Reads a snapshot each time it may have changed: not if size, times and inode are those of the last reading, and the file was not
 * changed just before that.
 *
 * @throws as `loadSnapshot`.
 */
export function snapshotReader(
  path: string,
  load: (path: string, context: CallContext) => Promise<LoadedSnapshot> = loadSnapshot,
): (context: CallContext) => Promise<LoadedSnapshot> {
  let last: { readonly stamp: string; readonly snapshot: Promise<LoadedSnapshot> } | undefined
  return async (context) => {
    // `load` reports a file that is absent.
    const stats = await stat(path, { bigint: true }).catch(() => undefined)
    const found = stats && fileStamp(stats)
    if (found !== undefined && found.stamp === last?.stamp) return last.snapshot
    const snapshot = load(path, context)
    last = undefined
    if (found !== undefined && isSettled(found.changedAtNs, nanosecondsOf(context.clock.nowMs()))) {
      const kept = { stamp: found.stamp, snapshot }
      last = kept
      snapshot.catch(() => {
        if (last === kept) last = undefined
      })
    }
    return snapshot
  }
}
