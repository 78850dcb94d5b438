import type { Timer } from '../batcher.js'

const hourMs = 60 * 60 * 1000

/**
 * Counts what each source sends, by the hour of a clock that only moves forward. The number of sources in memory is at
 * most `inTotal`.
 *
 * @returns a function that counts one, or says after how many milliseconds the source may try again.
 */
export function hourlyLimit(perSource: number, inTotal: number, timer: Pick<Timer, 'nowMs'>) {
  let counts = new Map<string, number>()
  let total = 0
  let beginMs = timer.nowMs()
  return (source: string): number | undefined => {
    const nowMs = timer.nowMs()
    if (nowMs - beginMs >= hourMs) {
      counts = new Map()
      total = 0
      beginMs = nowMs
    }
    const count = counts.get(source) ?? 0
    if (count >= perSource || total >= inTotal) return beginMs + hourMs - nowMs
    counts.set(source, count + 1)
    total += 1
    return undefined
  }
}
