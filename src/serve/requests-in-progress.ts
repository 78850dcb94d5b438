import type { Timer } from './batcher.js'
import type { Exchange } from './exchange.js'
import { Fault, stopped } from './fault.js'
import type { Limits } from './options.js'
import type { InProgress } from './streamed.js'

/** Counts the requests of a handler, and limits their number and their time. */
export interface RequestsInProgress {
  /** Counts a request in. @throws `Fault` if there are too many. */
  begin(exchange: Exchange): InProgress & { hasRead(): void }
  /** Resolves once no request is in progress. Call it only when no new requests begin. */
  idle(): Promise<void>
  /** Ends the requests in progress. */
  stop(): void
}

export function requestsInProgress(limits: Limits, timer: Timer): RequestsInProgress {
  let inProgress = 0
  let whenIdle = () => {}
  const stops = new Set<() => void>()

  return {
    begin({ signal: leaving }) {
      if (inProgress >= limits.maximumConcurrency)
        throw new Fault(
          'overloaded',
          `Cannot accept the request: ${inProgress} requests are in progress. Try again later.`,
          {
            'retry-after': '1',
          },
        )
      inProgress += 1
      const ending = new AbortController()
      let isRead = false
      const late = () =>
        isRead
          ? new Fault(
              'prediction-timeout',
              `Cannot predict within ${limits.timeoutMs} ms. Send fewer inputs, or try again later.`,
            )
          : new Fault('request-timeout', `Cannot read the body: it is incomplete after ${limits.timeoutMs} ms.`)
      const limit = () => timer.after(limits.timeoutMs, () => ending.abort(late()))
      let cancelTimer = limit()
      const close = () => ending.abort(new Fault('client-closed', 'The client closed the connection.'))
      const stop = () => ending.abort(stopped())
      leaving.addEventListener('abort', close)
      stops.add(stop)
      if (leaving.aborted) close()
      return {
        signal: ending.signal,
        hasRead() {
          isRead = true
        },
        restart() {
          cancelTimer()
          cancelTimer = limit()
        },
        end() {
          cancelTimer()
          leaving.removeEventListener('abort', close)
          stops.delete(stop)
          inProgress -= 1
          if (inProgress === 0) whenIdle()
        },
      }
    },

    idle: () =>
      new Promise<void>((resolve) => {
        whenIdle = resolve
        if (inProgress === 0) resolve()
      }),

    stop() {
      for (const stop of [...stops]) stop()
    },
  }
}
