import { untilAborted } from '../core/index.js'

/** A request whose answer is being sent. */
export interface InProgress {
  /** Aborted if the client leaves, a part takes too long, or the server stops. */
  readonly signal: AbortSignal
  /** The next part has the time limit to itself. */
  restart(): void
  end(): void
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
  failed: (error: unknown) => string,
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
    void leave()
      .catch(() => {})
      .finally(() => request.end())
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
