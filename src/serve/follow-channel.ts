import { type CallContext, isSheikhError, messageOf } from '../core/index.js'
import type { Release, Releaser } from '../releaser/index.js'
import type { Timer } from './batcher.js'

export interface FollowOptions {
  readonly registry: Releaser
  readonly channel: string
  readonly everyMs: number
  readonly current: () => Release
  /** Loads and tries the release that the channel points at, and switches to it. */
  readonly switchTo: (context: CallContext) => Promise<void>
}

/**
 * Asks the registry again and again which release a channel points at, and switches to a new one. A release that cannot be
 * loaded, and a registry that cannot be reached, are logged once and change nothing. A release that is unusable is not
 * tried again.
 *
 * @returns a function that stops it and waits for a switch that is under way.
 */
export function followChannel(options: FollowOptions, context: CallContext, timer: Timer): () => Promise<void> {
  const { registry, channel, everyMs, current, switchTo } = options
  const stopping = new AbortController()
  const within = { ...context, signal: AbortSignal.any([context.signal, stopping.signal]) }
  let unusable: string | undefined
  let said: string | undefined
  let cancel = () => {}
  let looking = Promise.resolve()

  async function look(): Promise<void> {
    let found: Release | undefined
    try {
      found = await registry.current(channel, within)
      if (found !== undefined && found.version === unusable) return
      if (found !== undefined && found.version !== current().version) {
        await switchTo(within)
        context.log.info(`Serving ${current().version}`)
      }
      said = undefined
    } catch (error) {
      if (stopping.signal.aborted) return
      if (found !== undefined && !(isSheikhError(error) && error.retryable)) unusable = found.version
      const message = `Still serving ${current().version}, because ${found === undefined ? `the channel "${channel}" cannot be read` : `${found.version} cannot be served`}: ${messageOf(error)}`
      if (message !== said) context.log.warn(message)
      said = message
    }
  }

  function wait(): void {
    const call = () => {
      looking = look().then(() => {
        if (!stopping.signal.aborted) wait()
      })
    }
    cancel = timer.after(everyMs, call, { keepsAlive: false })
  }
  wait()
  return async () => {
    stopping.abort(new Error('the server stops'))
    cancel()
    await looking
  }
}
