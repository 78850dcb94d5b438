import { type CallContext, untilAborted } from '../core/index.js'
import type { Timer } from './batcher.js'

/** Ends work that takes too long, also work that ignores its signal. @throws what `late` returns. */
export async function withinLimit<T>(
  { limitMs, late }: { readonly limitMs: number; readonly late: () => unknown },
  { context, timer }: { readonly context: CallContext; readonly timer: Timer },
  work: (within: CallContext) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const cancel = timer.after(limitMs, () => ending.abort(late()))
  const signal = AbortSignal.any([context.signal, ending.signal])
  try {
    return await untilAborted(work({ ...context, signal }), signal)
  } finally {
    cancel()
  }
}
