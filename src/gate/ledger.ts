import { type CallContext, type Digest, isSheikhError } from '../core/index.js'
import type { Store } from '../store/index.js'
import { nextLine, parseChain } from './ledger-chain.js'

/** What is written down for good. */
export type LedgerEvent =
  /** A consultation of the evaluation set. */
  | {
      readonly type: 'verdict'
      readonly runId: string
      readonly evaluationDigest: Digest
      readonly status: string
      readonly verdict: Digest
      /** What people decided, as in a release; absent if a part has no version. */
      readonly sourceKey?: Digest | undefined
      /** The candidate's. */
      readonly bundle?: Digest | undefined
      /** The versions that it was compared with. */
      readonly against?: readonly string[] | undefined
      /** The checks that failed the candidate, in the versions that did; absent if it did not fail. */
      readonly failed?: readonly { readonly check: string; readonly version?: string | undefined }[] | undefined
      /** How what decided differs from what decided on the current release. */
      readonly policyChanges?: readonly string[] | undefined
    }
  | { readonly type: 'approval'; readonly runId: string; readonly by: string; readonly reason: string }
  /** A release against the evidence. */
  | {
      readonly type: 'override'
      readonly runId: string
      readonly by: string
      readonly reason: string
      /** Until when somebody answers for it. */
      readonly untilMs: number
      /** What it goes against. */
      readonly checks: readonly string[]
    }
  /** A release, also one that only another source key was found to lead to. */
  | {
      readonly type: 'release'
      readonly runId: string
      readonly version: string
      readonly bundle: Digest
      readonly sourceKey?: Digest | undefined
    }
  /** A channel was pointed at a release by hand. */
  | {
      readonly type: 'promotion'
      readonly runId: string
      readonly version: string
      readonly channel: string
      readonly by: string
    }
  /** A person accepted that releases are gone from the registry. */
  | {
      readonly type: 'loss'
      readonly runId: string
      readonly versions: readonly string[]
      readonly by: string
      readonly reason: string
    }
  | {
      readonly type: 'withdrawal'
      readonly runId: string
      readonly version: string
      readonly reason: string
      /** Who rolled back; absent if no person did. */
      readonly by?: string | undefined
    }

export type LedgerEntry = LedgerEvent & {
  readonly formatVersion: 1
  /** From 0, without gaps. */
  readonly sequence: number
  readonly atMs: number
  /** The digest of the line before; `null` in the first. */
  readonly previous: Digest | null
}

/** The chain of verdicts, approvals, overrides, releases and withdrawals. Verified on every read: @throws `artifact-corrupt`. */
export interface Ledger {
  /** Where it is kept: `store`, `git-branch`, or a host's own name. */
  readonly name: string
  read(context: CallContext): Promise<readonly LedgerEntry[]>
  append(event: LedgerEvent, context: CallContext): Promise<LedgerEntry>
}

/** The journal of a store that holds its ledger. */
export const ledgerJournal = 'ledger'
const attempts = 10

/** A ledger in a store: one line of canonical JSON an entry, each with the digest of the line before. */
export function storeLedger({ journals }: Pick<Store, 'journals'>): Ledger {
  return {
    name: 'store',
    async read(context) {
      context.signal.throwIfAborted()
      return parseChain(await journals.read(ledgerJournal)).entries
    },
    async append(event, context) {
      context.signal.throwIfAborted()
      for (let attempt = 1; ; attempt += 1) {
        const chain = parseChain(await journals.read(ledgerJournal))
        const { line, entry } = nextLine(event, chain, context.clock.nowMs())
        try {
          await journals.append(ledgerJournal, line, chain.entries.length)
          return entry
        } catch (error) {
          // Somebody else was first: read what they wrote, and come after it.
          if (!isSheikhError(error, 'release-conflict') || attempt === attempts) throw error
        }
      }
    },
  }
}
