import { setTimeout } from 'node:timers/promises'
import { isSheikhError, untilAborted } from '../core/index.js'
import type { LoadContext } from './trainer.js'

/** The pause before the third start in a row, in milliseconds. Each further pause is twice as long, up to the maximum. */
const [firstPauseMs, maximumPauseMs] = [100, 10_000]

/** A thread or a program that predicts. */
export interface Worker {
  hasEnded(): boolean
  close(): Promise<void>
}

export interface ReplacedWorker<W extends Worker> extends AsyncDisposable {
  /**
   * Uses the worker, one call after another. If the worker ends with `stage-failed`, the work is done once more by a new
   * worker; if that one ends too, its error is thrown. Calls after it wait before a worker is started again.
   */
  use<R>(work: (worker: W) => Promise<R>, context: LoadContext): Promise<R>
  /** The same beside other calls. */
  useBeside<R>(work: (worker: W) => Promise<R>, context: LoadContext): Promise<R>
}

/**
 * Replaces a worker that ended.
 *
 * @param name for the log, such as `thread of the model`.
 */
export function replacedWorker<W extends Worker>(
  first: W,
  name: string,
  start: (context: LoadContext) => Promise<W>,
): ReplacedWorker<W> {
  let worker = first
  /** Workers in a row that ended before they answered. */
  let failures = 0
  let lastFailed: W | undefined
  let replacing: Promise<void> | undefined
  const disposing = new AbortController()
  const working = new Set<Promise<unknown>>()
  let last: Promise<unknown> = Promise.resolve()

  async function replace(context: LoadContext): Promise<void> {
    context.log.warn(`The ${name} ended. Another one is started.`)
    const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 2), maximumPauseMs)
    if (failures > 1) await setTimeout(pauseMs, undefined, { signal: context.signal })
    const next = await start(context).catch((error: unknown) => {
      failures += 1
      throw error
    })
    if (disposing.signal.aborted) await next.close()
    else worker = next
  }

  /** The worker, or the one that replaces it. All calls wait for the same one, so none of them can abort its start. */
  async function current(context: LoadContext): Promise<W> {
    if (worker.hasEnded()) {
      replacing ??= replace({ ...context, signal: disposing.signal }).finally(() => {
        replacing = undefined
      })
      await untilAborted(replacing, context.signal)
    }
    disposing.signal.throwIfAborted()
    return worker
  }

  async function answer<R>(work: (worker: W) => Promise<R>, context: LoadContext): Promise<R> {
    for (let isSecond = false; ; isSecond = true) {
      context.signal.throwIfAborted()
      disposing.signal.throwIfAborted()
      let used: W | undefined
      try {
        used = await current(context)
        const result = await work(used)
        failures = 0
        return result
      } catch (error) {
        context.signal.throwIfAborted()
        if (used?.hasEnded() === false) throw error
        // Several calls see the same end.
        if (used !== undefined && used !== lastFailed) failures += 1
        lastFailed = used ?? lastFailed
        if (isSecond || failures > 1 || !isSheikhError(error, 'stage-failed')) throw error
      }
    }
  }

  function useBeside<R>(work: (worker: W) => Promise<R>, context: LoadContext): Promise<R> {
    const answered = answer(work, context)
    const over = answered.then(
      () => undefined,
      () => undefined,
    )
    working.add(over)
    void over.then(() => working.delete(over))
    return answered
  }

  return {
    use(work, context) {
      const next = last.then(() => useBeside(work, context))
      last = next.catch(() => undefined)
      return next
    },
    useBeside,
    async [Symbol.asyncDispose]() {
      disposing.abort(new Error('The model is disposed. Load it again.'))
      await worker.close()
      await Promise.all([last, replacing?.catch(() => undefined), ...working])
    },
  }
}
