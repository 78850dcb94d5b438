import type { CallContext } from '../../core/index.js'

/**
 * Begins work for each item, at most `parallel` at a time, and yields the results in the order of the items. Reads items only as far as
 * work can begin. The first error aborts the other work, which has ended when the call ends.
 *
 * @param begin gets a context whose signal is aborted with the caller's, and after the first error.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  parallel: number,
  begin: (item: T, context: CallContext) => Promise<R>,
  context: CallContext,
): AsyncGenerator<R> {
  const stop = new AbortController()
  const within = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) }
  const begun: Promise<R>[] = []
  try {
    for await (const item of items) {
      const one = begin(item, within)
      // Awaited later, in order, but the first error ends all of them.
      one.catch((error: unknown) => stop.abort(error))
      begun.push(one)
      if (begun.length >= parallel) yield await begun.shift()!
    }
    while (begun.length > 0) yield await begun.shift()!
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(begun)
    context.signal.throwIfAborted()
    throw error
  } finally {
    // The caller may end the loop before the last result.
    stop.abort()
    await Promise.allSettled(begun)
  }
}
