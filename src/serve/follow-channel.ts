import { type CallContext, isSheikhError, messageOf } from '../core/index.js'
import type { Release, ReleaseReader } from '../releaser/index.js'
import { isStorageFault } from '../store/index.js'
import type { Timer } from './batcher.js'

export interface FollowOptions {
  readonly registry: ReleaseReader
  readonly channel: string
  /** Absent: looks only if somebody asks. */
  readonly everyMs: number | undefined
  readonly current: () => Release
  /** Loads and tries the release, and switches to it. */
  readonly switchTo: (release: Release, context: CallContext) => Promise<void>
}

export interface Follower {
  /**
   * Looks now, and tries a release again that was unusable. Callers during a look share one look after it.
   *
   * @returns whether the release that the channel points at is served.
   */
  look(): Promise<boolean>
  /** Waits for a switch that is under way, after aborting it. */
  stop(): Promise<void>
}

/**
 * Asks the registry which release a channel points at, at intervals and on request, and switches to a new one. A release
 * that cannot be loaded, and a registry that cannot be reached, are logged once and change nothing. At intervals, a
 * release that is unusable is not tried again.
 */
export function followChannel(options: FollowOptions, context: CallContext, timer: Timer): Follower {
  const { registry, channel, everyMs, current, switchTo } = options
  const stopping = new AbortController()
  const within = { ...context, signal: AbortSignal.any([context.signal, stopping.signal]) }
  let unusable: string | undefined
  let said: string | undefined
  let cancel = () => {}
  let looking: Promise<boolean> | undefined
  let following: Promise<boolean> | undefined

  async function lookNow(isAsked: boolean): Promise<boolean> {
    let found: Release | undefined
    try {
      found = await registry.current(channel, within)
      if (found !== undefined && !isAsked && found.version === unusable) return false
      if (found !== undefined && found.version !== current().version) {
        await switchTo(found, within)
        context.log.info(`Serving ${current().version}`)
        said = undefined
        // The channel may have moved while the model was loaded.
        return lookNow(isAsked)
      }
      said = undefined
      return found !== undefined
    } catch (error) {
      if (stopping.signal.aborted) return false
      if (found !== undefined && !isPassing(error)) unusable = found.version
      // By the code, because a message may contain the name of a temporary folder.
      const kind = `${found?.version} ${isSheikhError(error) ? error.code : messageOf(error)}`
      const message = `Still serving ${current().version}, because ${found === undefined ? `the channel "${channel}" cannot be read` : `${found.version} cannot be served`}: ${messageOf(error)}`
      if (kind !== said) context.log.warn(message)
      said = kind
      return false
    }
  }

  function begin(isAsked: boolean): Promise<boolean> {
    looking = lookNow(isAsked).finally(() => {
      looking = undefined
    })
    return looking
  }

  function wait(): void {
    if (everyMs === undefined || stopping.signal.aborted) return
    cancel = timer.after(everyMs, () => void (looking ?? begin(false)).finally(wait), { keepsAlive: false })
  }
  wait()
  return {
    look() {
      if (stopping.signal.aborted) return Promise.resolve(false)
      if (looking === undefined) return begin(true)
      // What was asked of the registry before this call may be out of date.
      following ??= looking.then(() => {
        following = undefined
        return stopping.signal.aborted ? false : begin(true)
      })
      return following
    },
    async stop() {
      stopping.abort(new Error('the server stops'))
      cancel()
      await looking
    },
  }
}

/** Whether the same release may be usable later: the registry or the disk failed, not the release. */
const isPassing = (error: unknown) => isStorageFault(error) || (isSheikhError(error) && error.retryable)
