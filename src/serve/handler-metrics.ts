// Apart from metrics.ts, whose types need the optional package prom-client: the declarations of the entry reach this file.
import type { Release } from '../releaser/index.js'
import type { FeatureLookUp } from './options.js'
import type { Protocol } from './protocol.js'

/** What a handler counts. */
export interface Metrics {
  request(protocol: string, status: number, durationMs: number): void
  batch(size: number): void
  lookUp(lookUp: FeatureLookUp): void
  /** The release that answers from now on. */
  serves(release: Release): void
  /** The route `/metrics`. */
  readonly protocol: Protocol
}
