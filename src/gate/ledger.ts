import type { CallContext, Digest } from '../core/index.js'
import type { Store } from '../store/index.js'

/** What is written down for good. */
export type LedgerEvent =
  /** A consultation of the evaluation set. */
  | {
      readonly type: 'verdict'
      readonly runId: string
      readonly evaluationDigest: Digest
      readonly status: string
      readonly verdict: Digest
    }
  | { readonly type: 'approval'; readonly runId: string; readonly by: string; readonly reason: string }
  /** A release, also one that only another source key was found to lead to. */
  | {
      readonly type: 'release'
      readonly runId: string
      readonly version: string
      readonly bundle: Digest
      readonly sourceKey?: Digest | undefined
    }
  | { readonly type: 'withdrawal'; readonly runId: string; readonly version: string; readonly reason: string }

export type LedgerEntry = LedgerEvent & {
  readonly sequence: number
  readonly atMs: number
  /** The digest of the line before; `null` in the first. */
  readonly previous: Digest | null
}

/** The chain of verdicts, approvals and withdrawals. Verified on every read: @throws `artifact-corrupt`. */
export interface Ledger {
  read(context: CallContext): Promise<readonly LedgerEntry[]>
  append(event: LedgerEvent, context: CallContext): Promise<LedgerEntry>
}

export declare function storeLedger(store: Store): Ledger
