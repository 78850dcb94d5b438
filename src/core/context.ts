import type { Json } from './json.js'

/** A clock in milliseconds since 1970, UTC. Injected, so that tests can control the time. */
export interface Clock {
  nowMs(): number
}

/** A logger. The library never writes to the console itself. */
export interface Log {
  debug(message: string, facts?: Readonly<Record<string, Json>>): void
  info(message: string, facts?: Readonly<Record<string, Json>>): void
  warn(message: string, facts?: Readonly<Record<string, Json>>): void
}

/** Context of every asynchronous call. */
export interface CallContext {
  /** Checked on entry and at every batch; an aborted call rejects with its `reason`. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Log
}

export const systemClock: Clock = { nowMs: () => Date.now() }
export const silentLog: Log = { debug() {}, info() {}, warn() {} }

/** Creates a context from the given parts. By default it is never aborted, uses the system clock and does not log. */
export function callContext(
  parts: { readonly [K in keyof CallContext]?: CallContext[K] | undefined } = {},
): CallContext {
  return {
    signal: parts.signal ?? new AbortController().signal,
    clock: parts.clock ?? systemClock,
    log: parts.log ?? silentLog,
  }
}
