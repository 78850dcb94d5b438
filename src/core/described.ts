import type { Json } from './json.js'

/**
 * What can be told apart by data. Everything that a host plugs in is one: trainers, metrics, checks, stages, registries.
 *
 * Functions have no identity. A part whose result is decided by code that `describe()` cannot see says so with a
 * `version`, raised whenever that code changes; without one nothing that depends on it is cached.
 */
export interface Described {
  /** The version of the interface. */
  readonly contract: 1
  readonly name: string
  /** The version of the code behind it. Absent: its code cannot be told apart, and its results are never reused. */
  readonly version?: string | undefined
  /** All else that decides the result. Never a secret. */
  describe(): Json
}

/** What stands for a part in a key: its name, version and description; `undefined` where it has no version. */
export function identityOf(part: Described): Json | undefined {
  if (part.version === undefined) return undefined
  return { contract: part.contract, name: part.name, version: part.version, describe: part.describe() }
}
