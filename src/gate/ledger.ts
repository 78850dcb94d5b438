import { type CallContext, type Digest, isSheikhError } from '../core/index.js'
import type { Store } from '../store/index.js'
import { nextLine, parseChain } from './ledger-chain.js'

/** An event that the ledger records permanently. */
export type LedgerEvent =
  /** A verdict, which used the evaluation set once. */
  | {
      readonly type: 'verdict'
      readonly runId: string
      readonly evaluationDigest: Digest
      readonly status: string
      readonly verdict: Digest
      /** The source key, as in a release. Absent if a part has no version. */
      readonly sourceKey?: Digest | undefined
      /** The candidate's bundle. */
      readonly bundle?: Digest | undefined
      /** The candidate's name and the number of candidates that its run chose among. Absent if it was the only one. */
      readonly candidate?: string | undefined
      readonly candidates?: number | undefined
      /** The level of each test that could pass the candidate. Absent: 0.05, divided by `candidates` if there were several. */
      readonly passAlpha?: number | undefined
      /** The number of candidates of the run that another machine judged, so that no entry of their own names them. */
      readonly unlisted?: number | undefined
      /** The versions that the candidate was compared with. */
      readonly against?: readonly string[] | undefined
      /** The checks that the candidate failed, with their versions. Absent if it did not fail. */
      readonly failed?: readonly { readonly check: string; readonly version?: string | undefined }[] | undefined
      /** How the gate's policy differs from the one that judged the current release. */
      readonly policyChanges?: readonly string[] | undefined
    }
  | { readonly type: 'approval'; readonly runId: string; readonly by: string; readonly reason: string }
  /** A release that overrides a failed or inconclusive verdict. */
  | {
      readonly type: 'override'
      readonly runId: string
      readonly by: string
      readonly reason: string
      /** When the override expires. */
      readonly untilMs: number
      /** The checks that are overridden. */
      readonly checks: readonly string[]
      /** The bundle that is released. Absent if its run judged only one candidate. */
      readonly bundle?: Digest | undefined
    }
  /** A release, or the note that another source key leads to an existing release. */
  | {
      readonly type: 'release'
      readonly runId: string
      readonly version: string
      readonly bundle: Digest
      readonly sourceKey?: Digest | undefined
      /** The commit that a run took. Absent for a rollback, a republication, an import and uncommitted changes. */
      readonly commit?: string | undefined
    }
  /** The result of a run of a commit that no other entry names, so that triggers know that the commit needs no further run. */
  | { readonly type: 'run'; readonly runId: string; readonly commit: string; readonly status: string }
  /** A person pointed a channel at a release. */
  | {
      readonly type: 'promotion'
      readonly runId: string
      readonly version: string
      readonly channel: string
      readonly by: string
    }
  /** A person accepted that releases are missing from the registry. */
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
      /** Who rolled back or withdrew the release. Absent if it happened automatically. */
      readonly by?: string | undefined
    }
  | ExperimentEvent

/** What a live test was to do, as its first line in the ledger keeps it. */
export interface PlannedExperiment {
  /** By step: the share of units that get the treatment, and what ends the step. */
  readonly steps: readonly { readonly share: number; readonly units: number; readonly atLeastMs: number }[]
  /** The metric that decides is the first; the others are guardrails. */
  readonly metrics: readonly {
    readonly name: string
    readonly kind: 'binary' | 'mean'
    readonly direction: 'higher-is-better' | 'lower-is-better'
    readonly margin: number
    /** The built-in function that reads its outcomes. Absent for a host's own. */
    readonly reads?: 'thumbs' | 'ratings' | 'agreement' | 'tracked' | undefined
  }[]
  /** Confidence of each interval: 1 − alpha / (metrics × steps). */
  readonly confidence: number
  /** The time of the last decision, in milliseconds since 1970. */
  readonly untilMs?: number | undefined
}

/** A decision of a live test about who gets which release. */
export interface ExperimentDecision {
  /** The name of the live test. */
  readonly name: string
  readonly action: 'start' | 'advance' | 'end'
  readonly control: string
  readonly treatment: string
  /** The step of the live test from now on, from 0. */
  readonly step: number
  /** The share of units that get the treatment from now on: 0 or 1 after the end. */
  readonly share: number
  readonly reason: string
  /** Only at the start: the digest of what was planned. */
  readonly plan?: Digest | undefined
  /** Only at the start: what was planned. Older lines have only the digest. */
  readonly planned?: PlannedExperiment | undefined
  /** Only at the end. */
  readonly result?: 'harm' | 'success' | 'mismatch' | 'expired' | 'stopped' | undefined
  /** Who ended it. Absent if it happened automatically. */
  readonly by?: string | undefined
}

export interface ExperimentEvent extends ExperimentDecision {
  readonly type: 'experiment'
  readonly runId: string
}

export type LedgerEntry = LedgerEvent & {
  readonly formatVersion: 1
  /** From 0, without gaps. */
  readonly sequence: number
  readonly atMs: number
  /** The digest of the previous line; `null` in the first. */
  readonly previous: Digest | null
}

/**
 * The hash chain of verdicts, approvals, overrides, releases and withdrawals. Verified on every read. @throws
 * `artifact-corrupt`
 */
export interface Ledger {
  /** Kind of storage: `store`, `git-branch`, or a name of the host's own. */
  readonly name: string
  read(context: CallContext): Promise<readonly LedgerEntry[]>
  /**
   * Appends a line after all others.
   *
   * @param find finds the same event in the lines before it, which another process may have written in the meantime. Its
   *   entry is returned then, and nothing is appended. @default always appends
   */
  append(
    event: LedgerEvent,
    context: CallContext,
    find?: (entries: readonly LedgerEntry[]) => LedgerEntry | undefined,
  ): Promise<LedgerEntry>
}

/** The journal of a store that holds its ledger. */
export const ledgerJournal = 'ledger'
const attempts = 10

/** A ledger in a store: one line of canonical JSON per entry, each with the digest of the previous line. */
export function storeLedger({ journals }: Pick<Store, 'journals'>): Ledger {
  return {
    name: 'store',
    async read(context) {
      context.signal.throwIfAborted()
      return parseChain(await journals.read(ledgerJournal)).entries
    },
    async append(event, context, find) {
      context.signal.throwIfAborted()
      for (let attempt = 1; ; attempt += 1) {
        const chain = parseChain(await journals.read(ledgerJournal))
        const found = find?.(chain.entries)
        if (found !== undefined) return found
        const { line, entry } = nextLine(event, chain, context.clock.nowMs())
        try {
          await journals.append(ledgerJournal, line, chain.entries.length)
          return entry
        } catch (error) {
          // Another process appended first: read its entries and append after them.
          if (!isSheikhError(error, 'release-conflict') || attempt === attempts) throw error
        }
      }
    },
  }
}
