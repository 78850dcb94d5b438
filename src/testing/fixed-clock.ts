import type { Clock } from '../core/index.js'

/** A clock that moves only when advanced. Advance it between runs whose order matters. @param startMs milliseconds since 1970. @default 2026-01-01 */
export function fixedClock(startMs: number = Date.UTC(2026, 0, 1)): Clock & { advance(byMs: number): void } {
  let nowMs = startMs
  return {
    nowMs: () => nowMs,
    advance(byMs) {
      nowMs += byMs
    },
  }
}
