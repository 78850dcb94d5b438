// The JSON of /api, which the pages are made of. Lists are bounded: 50 items per page, 200 findings per run.
import type { Digest } from '../core/index.js'
import type { Finding, LedgerEntry, VerdictStatus } from '../gate/index.js'
import type { RunRecord } from '../pipeline/index.js'
import type { Section } from '../report/index.js'
import type { LiveRun } from './live-run.js'

/** A part of a list, newest first. */
export interface Page<Item> {
  readonly items: readonly Item[]
  /** From 1. */
  readonly page: number
  /** At least 1. */
  readonly pages: number
  /** Items in all pages. */
  readonly total: number
}

export type RunSummary =
  | {
      readonly runId: string
      readonly command: RunRecord['command']
      readonly status: RunRecord['status']
      readonly reason?: string | undefined
      readonly version?: string | undefined
      readonly commit?: string | undefined
      readonly startedAtMs: number
      readonly endedAtMs?: number | undefined
      /** Why it ended as it did, in one sentence: the error, who decided, or what the gate found. */
      readonly outcome: string
    }
  /** A record that is damaged, or from a version of this program that this one cannot read. */
  | { readonly runId: string; readonly status: 'unreadable' }

/** `/api/runs/<run>` */
export interface RunAnswer {
  readonly run: RunSummary
  readonly stages: readonly { readonly name: string; readonly cached: boolean; readonly durationMs: number }[]
  readonly metrics?: Readonly<Record<string, number | null>> | undefined
  readonly verdict?:
    | {
        readonly status: VerdictStatus
        readonly summary: string
        /** At most 200. */
        readonly findings: readonly Finding[]
        readonly findingCount: number
      }
    | undefined
  readonly baseline?: string | undefined
  readonly decision?: RunRecord['decision']
  /** Present while it is running. */
  readonly live?: LiveRun | undefined
  /** Present if it waits for a person. */
  readonly waits?: WaitingRun | undefined
}

/** A run that waits for a person, and the command with which that person decides. */
export interface WaitingRun {
  readonly runId: string
  readonly status: 'awaiting-approval' | 'awaiting-release'
  readonly summary: string
  readonly command: string
}

export interface ReleaseSummary {
  readonly version: string
  readonly bundle: Digest
  readonly publishedAtMs: number
  readonly runId: string
  readonly commit?: string | undefined
  /** The channels that point at it. */
  readonly channels: readonly string[]
  readonly verdict?: VerdictStatus | undefined
  /** The metric that the gate's first check is about, such as `accuracy` and `90.0 %`. */
  readonly metric?: { readonly name: string; readonly value: string } | undefined
  /** `the gate`, or who approved, overrode, imported or rolled back. */
  readonly decidedBy: string
  /** Whether it carries a signature. The page of the release says whether the signature is valid. */
  readonly isSigned: boolean
  readonly withdrawn?: { readonly reason: string; readonly atMs: number } | undefined
  /** When its files were removed. */
  readonly removedAtMs?: number | undefined
}

/** `/api/ledger`. The entries were verified when they were read. */
export interface LedgerAnswer extends Page<LedgerEntry> {
  /** The digest of the last entry; `null` if there is none. */
  readonly tip: Digest | null
}

/** A part that could not be read does not hide the others. */
export type Part<Value> = { readonly value: Value } | { readonly error: PartError }

export interface PartError {
  /** As in docs/errors.md; `null` for an error of the system. */
  readonly code: string | null
  readonly message: string
}

/** `/api/overview` */
export interface OverviewAnswer {
  readonly project: string
  readonly running: readonly RunAnswer[]
  readonly waiting: Part<readonly WaitingRun[]>
  /** The releases that a channel points at. */
  readonly released: Part<readonly ReleaseSummary[]>
  /** Versions in the ledger that the registry lacks. Runs are refused while there are any. */
  readonly missingReleases: Part<readonly string[]>
  readonly runs: readonly RunSummary[]
  readonly ledger: Part<{ readonly entries: number; readonly tip: Digest | null }>
}

/** `/api/panels` */
export type PanelsAnswer = readonly { readonly name: string; readonly sections: Part<readonly Section[]> }[]
