import { type CallContext, SheikhError } from '../core/index.js'
import type { ReleaseReader, Releaser } from '../releaser/index.js'
import type { Timer } from './batcher.js'
import { withinLimit } from './within-limit.js'

// A record is small. A server that starts, or that somebody asked to look, waits for it.
const recordLimitMs = 30_000
// Large weights take minutes.
const filesLimitMs = 1_800_000

/** A registry that always answers: a call that hangs, also one that ignores its signal, fails after a limit. */
export function patientRegistry(registry: Releaser, timer: Timer): ReleaseReader {
  function limited<T>(limitMs: number, context: CallContext, call: (within: CallContext) => Promise<T>): Promise<T> {
    const late = () =>
      new SheikhError(
        'remote-failed',
        `Cannot read the registry "${registry.name}": it did not answer within ${limitMs / 1000} s. Check the connection, and try again.`,
        { retryable: true },
      )
    return withinLimit({ limitMs, late }, { context, timer }, call)
  }
  return {
    name: registry.name,
    version: registry.version,
    describe: () => registry.describe(),
    current: (channel, context) => limited(recordLimitMs, context, (within) => registry.current(channel, within)),
    async *history(context) {
      const releases = registry.history(context)[Symbol.asyncIterator]()
      // Each release has the limit, because a long history takes longer than one.
      const next = () => limited(recordLimitMs, context, () => releases.next())
      try {
        for (let found = await next(); found.done !== true; found = await next()) yield found.value
      } finally {
        // Not awaited: an iterator that hangs would hang here too.
        void releases.return?.().catch(() => {})
      }
    },
    open: (version, directory, context) =>
      limited(filesLimitMs, context, (within) => registry.open(version, directory, within)),
  }
}
