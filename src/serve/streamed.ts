import { untilAborted } from '../core/index.js'
import type { Timer } from './batcher.js'

/** A request whose answer is being sent. */
export interface InProgress {
  /** Aborted if the client leaves, a part takes too long, or the server stops. */
  readonly signal: AbortSignal
  /** The next part has the time limit to itself. */
  restart(): void
  end(): void
}

/** How long a source may take to end after its request, in milliseconds, as a batch of predictions may. */
const leaveLimitMs = 1000

export interface StreamOptions {
  /** The part that reports an error to the client. */
  readonly failed: (error: unknown) => string
  /** Called if the source did not end in time. Its request ends nevertheless. */
  readonly onStuck: () => void
  readonly timer: Timer
}

/**
 * The parts of an answer, the first of which has been made. The source is read only as fast as the client takes parts. The
 * request ends once: after the last part, or when its signal is aborted, also if nobody reads any more.
 *
 * @throws what making the first part throws.
 */
export async function streamed(
  parts: AsyncIterable<string>,
  request: InProgress,
  { failed, onStuck, timer }: StreamOptions,
): Promise<AsyncIterable<string>> {
  const { signal } = request
  const iterator = parts[Symbol.asyncIterator]()
  const next = () => untilAborted(iterator.next(), signal)
  const leave = async () => {
    await iterator.return?.()
  }
  const first = await next().catch((error: unknown) => {
    void leave().catch(() => {})
    throw error
  })
  let isOver = false
  const finish = () => {
    if (isOver) return
    isOver = true
    signal.removeEventListener('abort', finish)
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = timer.after(leaveLimitMs, () => {
        onStuck()
        resolve()
      })
    })
    void Promise.race([leave().catch(() => {}), late]).then(() => {
      cancel()
      request.end()
    })
  }
  signal.addEventListener('abort', finish)
  async function* read(): AsyncGenerator<string, void> {
    try {
      for (let part = first; part.done !== true; part = await next()) {
        // After its end, nobody would cancel the timer.
        if (!isOver) request.restart()
        yield part.value
      }
    } catch (error) {
      yield failed(error)
    } finally {
      finish()
    }
  }
  return read()
}
