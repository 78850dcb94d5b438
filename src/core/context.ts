import type { Json } from './json.js'

/** Milliseconds since 1970, UTC. Injected, so that a test decides what time it is. */
export interface Clock {
  nowMs(): number
}

/** Where a library's words go. It never prints by itself. */
export interface Log {
  debug(message: string, facts?: Readonly<Record<string, Json>>): void
  info(message: string, facts?: Readonly<Record<string, Json>>): void
  warn(message: string, facts?: Readonly<Record<string, Json>>): void
}

/** What every asynchronous call is given. */
export interface CallContext {
  /** Checked on entry and at every batch; an aborted call rejects with its `reason`. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Log
}

export const systemClock: Clock = { nowMs: () => Date.now() }
export const silentLog: Log = { debug() {}, info() {}, warn() {} }

/** A whole context from the parts that a caller has: never aborted, the system's clock and no log by default. */
export function callContext(
  parts: { readonly [K in keyof CallContext]?: CallContext[K] | undefined } = {},
): CallContext {
  return {
    signal: parts.signal ?? new AbortController().signal,
    clock: parts.clock ?? systemClock,
    log: parts.log ?? silentLog,
  }
}
