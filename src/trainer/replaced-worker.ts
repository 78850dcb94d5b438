import { setTimeout } from 'node:timers/promises'
import { isSheikhError } from '../core/index.js'
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
  let isDisposed = false
  let last: Promise<unknown> = Promise.resolve()

  async function replace(context: LoadContext): Promise<void> {
    context.log.warn(`The ${name} ended. Another one is started.`)
    const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 2), maximumPauseMs)
    if (failures > 1) await setTimeout(pauseMs, undefined, { signal: context.signal })
    worker = await start(context)
    if (!isDisposed) return
    await worker.close()
    throw disposed()
  }

  async function answer<R>(work: (worker: W) => Promise<R>, context: LoadContext): Promise<R> {
    for (;;) {
      context.signal.throwIfAborted()
      if (isDisposed) throw disposed()
      try {
        if (worker.hasEnded()) await replace(context)
        const result = await work(worker)
        failures = 0
        return result
      } catch (error) {
        context.signal.throwIfAborted()
        if (!worker.hasEnded()) throw error
        failures += 1
        if (failures > 1 || !isSheikhError(error, 'stage-failed')) throw error
      }
    }
  }

  return {
    use(work, context) {
      const next = last.then(() => answer(work, context))
      last = next.catch(() => undefined)
      return next
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true
      await worker.close()
      await last
    },
  }
}

const disposed = () => new Error('The model is disposed. Load it again.')
