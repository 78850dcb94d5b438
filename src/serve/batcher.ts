import type { Prediction } from '../model/index.js'
import { Fault, stopped } from './fault.js'
import type { RequestEvent } from './telemetry.js'

/** The time, and calls in the future. A parameter, so that tests control both. */
export interface Timer {
  /** Never runs backwards. */
  nowMs(): number
  /**
   * @param options.keepsAlive whether the process waits for the call. @default true
   * @returns a function that cancels the call.
   */
  after(delayMs: number, call: () => void, options?: { readonly keepsAlive?: boolean }): () => void
}

export const systemTimer: Timer = {
  nowMs: () => performance.now(),
  after(delayMs, call, { keepsAlive = true } = {}) {
    // The shortest delay of setTimeout is a millisecond.
    if (delayMs <= 0) {
      const immediate = setImmediate(call)
      return () => clearImmediate(immediate)
    }
    const timeout = setTimeout(call, delayMs)
    if (!keepsAlive) timeout.unref()
    return () => clearTimeout(timeout)
  },
}

export interface BatcherOptions<I> {
  /** @param requests the events of the requests that the inputs come from. */
  readonly predict: (
    inputs: readonly I[],
    signal: AbortSignal,
    requests: readonly RequestEvent[],
  ) => Promise<readonly Prediction[]>
  readonly maximumBatch: number
  readonly maximumDelayMs: number
  readonly maximumQueue: number
  /** When every request of a batch has ended: a batch that takes longer is aborted. */
  readonly timeoutMs: number
  readonly timer?: Timer | undefined
  readonly onBatch?: ((size: number) => void) | undefined
}

export interface Batcher<I> {
  /**
   * Returns one prediction per input, in order. An abort takes the inputs out of the queue; a batch that has started
   * runs to its end.
   *
   * @param request the event that its batches name.
   * @throws `overloaded` if the queue has no room; `prediction-failed` with the first input that the model rejects.
   */
  submit(inputs: readonly I[], signal: AbortSignal, request?: RequestEvent): Promise<readonly Prediction[]>
  /** Inputs that wait. */
  readonly queued: number
  /**
   * Aborts a running batch and waits for its end, for at most 1 s.
   *
   * @returns whether it has ended.
   */
  stop(): Promise<boolean>
}

/** As long as a batch in a separate thread has after its abort. */
const stopLimitMs = 1000

interface Call {
  ended: boolean
  readonly request: RequestEvent | undefined
}

interface Item<I> {
  readonly input: I
  readonly call: Call
  readonly atMs: number
  readonly done: (prediction: Prediction) => void
  readonly fail: (error: unknown) => void
}

/**
 * Puts the inputs of several requests into one call of the model. The model runs one batch at a time. A batch starts when
 * it is full or when its oldest input has waited for `maximumDelayMs`.
 */
export function createBatcher<I>(options: BatcherOptions<I>): Batcher<I> {
  const { predict, maximumBatch, maximumDelayMs, maximumQueue, timeoutMs, timer = systemTimer, onBatch } = options
  let isStopping = false
  let waiting: Item<I>[] = []
  let running: Promise<void> | undefined
  /** Ends the running batch. A signal that outlives batches would gather the listeners of the model's own signals. */
  let ending = new AbortController()
  let cancelTimer: (() => void) | undefined

  function schedule(): void {
    cancelTimer?.()
    cancelTimer = undefined
    if (running !== undefined || waiting.length === 0) return
    if (waiting.length >= maximumBatch) start()
    else cancelTimer = timer.after(Math.max(0, waiting[0]!.atMs + maximumDelayMs - timer.nowMs()), start)
  }

  const end = (reason: string) => ending.abort(new Error(reason))

  function start(): void {
    cancelTimer = undefined
    const batch = waiting.splice(0, maximumBatch)
    onBatch?.(batch.length)
    ending = new AbortController()
    const { signal } = ending
    const cancelLimit = timer.after(timeoutMs, () => end(`the batch takes longer than ${timeoutMs} ms`))
    running = answer(batch, signal).finally(() => {
      cancelLimit()
      running = undefined
      schedule()
    })
  }

  /**
   * Halves a batch that fails until the inputs that the model rejects are alone. One of them makes the model process fewer
   * than three times the inputs of the batch. A request ends with its first rejected input, and a batch with its time.
   */
  async function answer(batch: readonly Item<I>[], signal: AbortSignal): Promise<void> {
    const items = batch.filter(({ call }) => !call.ended)
    if (items.length === 0) return
    try {
      const predictions = await predict(
        items.map(({ input }) => input),
        signal,
        requestsOf(items),
      )
      if (predictions.length !== items.length)
        throw new Error(`the model returned ${predictions.length} predictions for ${items.length} inputs`)
      for (const [index, item] of items.entries()) item.done(predictions[index]!)
    } catch (error) {
      if (items.length === 1 || signal.aborted) for (const item of items) item.fail(error)
      else {
        const middle = items.length >> 1
        await answer(items.slice(0, middle), signal)
        await answer(items.slice(middle), signal)
      }
    }
  }

  return {
    get queued() {
      return waiting.length
    },

    submit(inputs, signal, request) {
      if (waiting.length + inputs.length > maximumQueue) return Promise.reject(queueIsFull('inputs', waiting.length))
      return new Promise((resolve, reject) => {
        const call: Call = { ended: false, request }
        const settleOnce = (settle: () => void) => {
          if (call.ended) return
          call.ended = true
          signal.removeEventListener('abort', abort)
          settle()
        }
        const withdraw = () => {
          waiting = waiting.filter((item) => item.call !== call)
          schedule()
        }
        const abort = () => {
          settleOnce(() => reject(signal.reason))
          withdraw()
        }
        if (signal.aborted) return reject(signal.reason)
        signal.addEventListener('abort', abort)
        const predictions = new Array<Prediction>(inputs.length)
        let left = inputs.length
        const atMs = timer.nowMs()
        for (const [index, input] of inputs.entries())
          waiting.push({
            input,
            call,
            atMs,
            done(prediction) {
              predictions[index] = prediction
              left -= 1
              if (left === 0) settleOnce(() => resolve(predictions))
            },
            fail(error) {
              settleOnce(() => reject(isStopping ? stopped() : predictionFailed(index, error)))
              withdraw()
            },
          })
        schedule()
      })
    },

    async stop() {
      isStopping = true
      end('the server stops')
      for (const { fail } of waiting) fail(ending.signal.reason)
      if (running === undefined) return true
      let cancelLimit = () => {}
      const late = new Promise<false>((resolve) => {
        cancelLimit = timer.after(stopLimitMs, () => resolve(false))
      })
      const hasEnded = await Promise.race([running.then(() => true), late])
      cancelLimit()
      return hasEnded
    },
  }
}

function requestsOf(items: readonly { readonly call: Call }[]): readonly RequestEvent[] {
  const events = new Set(items.map(({ call }) => call.request))
  events.delete(undefined)
  return [...events] as readonly RequestEvent[]
}

const predictionFailed = (index: number, error: unknown) =>
  new Fault(
    'prediction-failed',
    `Cannot predict: the model failed on input ${index}. Change this input, or see the log of the server.`,
    {},
    error,
  )

export const queueIsFull = (what: string, waiting: number) =>
  new Fault('overloaded', `Cannot accept the ${what}: ${waiting} ${what} are waiting. Try again later.`, {
    'retry-after': '1',
  })
