import { type Digest, digestJson } from './digest.js'
import type { Json } from './json.js'

/**
 * Something that is identified by data. Everything that a host plugs in implements this: trainers, metrics, checks,
 * stages, registries.
 *
 * Functions have no identity. If code that `describe()` cannot see decides the result, set a `version` and raise it
 * whenever that code changes. Without a version, nothing that depends on the part is cached.
 */
export interface Described {
  /** The version of the interface. */
  readonly contract: 1
  readonly name: string
  /** The version of the part's code. Absent: code changes cannot be detected, and results are never reused. */
  readonly version?: string | undefined
  /** Everything else that decides the result. Must not contain secrets. */
  describe(): Json
}

/** Identifies a part in a key: its name, version and description. `undefined` if it has no version. */
export function identityOf(part: Described): Json | undefined {
  if (part.version === undefined) return undefined
  return { contract: part.contract, name: part.name, version: part.version, describe: part.describe() }
}

/** The digest of what identifies a part; `undefined` if it has no version. */
export function digestOfPart(part: Described): Digest | undefined {
  const identity = identityOf(part)
  return identity === undefined ? undefined : digestJson(identity)
}
