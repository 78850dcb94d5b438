import type { Clock } from '../core/index.js'

/**
 * Reads again only after `forMs`, or if the key differs. Calls that overlap share one reading. An error is not
 * remembered.
 */
export function remembered<T>(
  read: () => Promise<T>,
  { forMs, clock, key }: { readonly forMs: number; readonly clock: Clock; readonly key: () => Promise<string> },
): () => Promise<T> {
  let last: { readonly key: string; readonly atMs: number; readonly value: Promise<T> } | undefined
  return async () => {
    const [now, current] = [clock.nowMs(), await key()]
    if (last !== undefined && last.key === current && now - last.atMs < forMs && now >= last.atMs) return last.value
    const reading = { key: current, atMs: now, value: read() }
    last = reading
    reading.value.catch(() => {
      if (last === reading) last = undefined
    })
    return reading.value
  }
}
