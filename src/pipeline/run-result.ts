import type { Digest, Json } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import type { Verdict } from '../gate/index.js'
import type { Release, Version } from '../releaser/index.js'
import type { ManifestDifference } from '../store/index.js'
import type { CandidateRecord } from '../trainer/index.js'
import type { GcPlan } from './collect-garbage.js'
import type { Difference } from './keys.js'

/** How a run ended, other than by an error. A gate that says no is a successful gate. */
export type RunResult = { readonly runId: string } & (
  | { readonly status: 'released'; readonly release: Release; readonly verdict: Verdict }
  /** An earlier bundle again, as a new version: after a `git revert`, or a rollback. */
  | { readonly status: 'restored'; readonly release: Release; readonly restoredFrom: Version }
  | { readonly status: 'up-to-date'; readonly release: Release }
  | { readonly status: 'held'; readonly reason: 'fail' | 'inconclusive'; readonly verdict: Verdict }
  | { readonly status: 'held'; readonly reason: 'withdrawn'; readonly release: Release }
  | { readonly status: 'awaiting-approval'; readonly verdict: Verdict }
)

export type RunStatus = RunResult['status']

/** A release that a further channel points at now. */
export interface Promoted {
  readonly runId: string
  readonly status: 'promoted'
  readonly release: Release
  readonly channel: string
}

/** What `gc` did. */
export interface Collected extends GcPlan {
  readonly runId: string
  readonly status: 'collected'
}

/** A model from elsewhere, released as the first one. */
export interface Imported {
  readonly runId: string
  readonly status: 'imported'
  readonly release: Release
  /** Files of the folder that were not released. */
  readonly leftOut: readonly LeftOut[]
}

/** A file that an import does not release. */
export interface LeftOut {
  /** Below the folder of the model. */
  readonly path: string
  /** Follows the path in a sentence. */
  readonly reason: string
}

/** A release that was trained again. */
export interface Reproduction {
  readonly runId: string
  readonly status: 'reproduced' | 'not-reproduced'
  readonly release: Release
  /** The first input that is another one than then; nothing was trained. */
  readonly difference?: Difference | undefined
  /** Files of the weights whose bytes are others, from the same inputs. */
  readonly files?: readonly ManifestDifference[] | undefined
}

/** How any holder of the lock ended. */
export type Outcome = RunResult | Promoted | Collected | Imported | Reproduction

/** One stage as it went. */
export interface StageRecord {
  readonly name: string
  /** The digest of `parts`; absent for a stage that is never cached. */
  readonly key?: Digest | undefined
  readonly parts?: Json | undefined
  readonly cached: boolean
  readonly durationMs: number
  /** What a host's stage returned. */
  readonly value?: Json | undefined
}

/** Directories in the store, by digest. */
export interface KeptEvaluations {
  readonly candidate?: Digest | undefined
  readonly baseline?: Digest | undefined
  readonly best?: Digest | undefined
}

/** What the store remembers of a run. JSON; replaced whole as the run goes on. */
export interface RunRecord {
  readonly formatVersion: 1
  readonly runId: string
  readonly command:
    | 'run'
    | 'approve'
    | 'override'
    | 'rollback'
    | 'promote'
    | 'gc'
    | 'import'
    | 'republish'
    | 'reproduce'
  readonly status:
    | 'running'
    /** Its process was killed: it neither ended nor holds the lock. Told by `Pipeline.runs`, never written. */
    | 'interrupted'
    | RunStatus
    | 'promoted'
    | 'collected'
    | 'imported'
    | Reproduction['status']
    | 'failed'
    | 'aborted'
  readonly reason?: string | undefined
  readonly startedAtMs: number
  /** The token of the lock that it held. */
  readonly lockToken?: number | undefined
  readonly endedAtMs?: number | undefined
  readonly commit?: string | undefined
  readonly dirty?: boolean | undefined
  readonly channel?: string | undefined
  readonly sourceKey?: Digest | undefined
  /** What the source key is made of. */
  readonly sourceParts?: Json | undefined
  /** The same, part by part, for whoever asks what changed. */
  readonly source?: Json | undefined
  readonly dataset?: DatasetSummary | undefined
  readonly stages: readonly StageRecord[]
  readonly candidate?: { readonly weights: Digest; readonly record: CandidateRecord } | undefined
  readonly bundle?: Digest | undefined
  /** What a person decided: an approval or an override. */
  readonly decision?:
    | { readonly by: string; readonly reason: string /** An override's end. */; readonly untilMs?: number | undefined }
    | undefined
  readonly baseline?: Version | undefined
  readonly best?: Version | undefined
  /** Where the store keeps the evaluations that were judged; absent for host code without a version. */
  readonly evaluations?: KeptEvaluations | undefined
  /** The candidate's metrics over the whole evaluation set. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined
  readonly verdict?: Verdict | undefined
  /** What decided: kept with the release, so that the next run knows what changed. */
  readonly policy?: Json | undefined
  readonly version?: Version | undefined
  readonly restoredFrom?: Version | undefined
  /** The run that ran the host's stages on this one's release, after this one was killed. */
  readonly finishedBy?: string | undefined
  readonly error?: { readonly code?: string | undefined; readonly message: string } | undefined
}
