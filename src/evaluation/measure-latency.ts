import type { CallContext } from '../core/index.js'
import type { Model, Rows } from '../model/index.js'

const warmUpAnswers = 10
const timedAnswers = 300

export interface MeasureLatencyOptions<I> {
  readonly model: Model<I>
  readonly rows: Rows<I, unknown>
  /** A monotonic clock, in milliseconds. @default performance.now */
  readonly nowMs?: (() => number) | undefined
}

/**
 * Measures how long single predictions take, in milliseconds, after a few warm-up predictions. Repeats rows if there
 * are few.
 */
export async function measureLatency<I>(
  { model, rows, nowMs = () => performance.now() }: MeasureLatencyOptions<I>,
  context: CallContext,
): Promise<readonly number[]> {
  const inputs: I[] = []
  for await (const { input } of rows) if (inputs.push(input) === warmUpAnswers + timedAnswers) break
  const latenciesMs: number[] = []
  for (let asked = 0; inputs.length > 0 && asked < warmUpAnswers + timedAnswers; asked += 1) {
    context.signal.throwIfAborted()
    const startedMs = nowMs()
    await model.predict([inputs[asked % inputs.length]!], context)
    if (asked >= warmUpAnswers) latenciesMs.push(nowMs() - startedMs)
  }
  return latenciesMs
}
