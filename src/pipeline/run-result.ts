import type { Digest, Json } from '../core/index.js'
import type { DatasetSummary, QualityReport } from '../dataset/index.js'
import type { Verdict } from '../gate/index.js'
import type {
  JudgedCandidate,
  Release,
  ReleasePolicy,
  ReleaseSource,
  RunMeasurement,
  Version,
} from '../releaser/index.js'
import type { ManifestDifference } from '../store/index.js'
import type { CandidateRecord } from '../trainer/index.js'
import type { GcPlan } from './collect-garbage.js'
import type { Difference } from './keys.js'

/** The result of a run that ended without an error. A run that the gate refuses is a result, not an error. */
export type RunResult = {
  readonly runId: string
  /** The candidates that the run chose among. Absent if there was only one. */
  readonly candidates?: readonly JudgedCandidate[] | undefined
} & (
  | { readonly status: 'released'; readonly release: Release; readonly verdict: Verdict }
  /** An earlier bundle was published again as a new version, after a `git revert` or a rollback. */
  | { readonly status: 'restored'; readonly release: Release; readonly restoredFrom: Version }
  | { readonly status: 'up-to-date'; readonly release: Release }
  | { readonly status: 'held'; readonly reason: 'fail' | 'inconclusive'; readonly verdict: Verdict }
  | { readonly status: 'held'; readonly reason: 'withdrawn'; readonly release: Release }
  | { readonly status: 'awaiting-approval'; readonly verdict: Verdict }
  /** The end of a run with `until: 'verdict'`: the verdict is preliminary and in no ledger. `Pipeline.release` decides again. */
  | { readonly status: 'awaiting-release'; readonly verdict: Verdict }
  /** The same if no model was judged, because a release has it: `Pipeline.release` publishes it again, or finds nothing to do. */
  | { readonly status: 'awaiting-release'; readonly identicalTo: Version }
)

export type RunStatus = RunResult['status']

/** The result of `promote`: the channel and the release that it points at now. */
export interface Promoted {
  readonly runId: string
  readonly status: 'promoted'
  readonly release: Release
  readonly channel: string
}

/** The result of `withdraw`. */
export interface Withdrawn {
  readonly runId: string
  readonly status: 'withdrawn'
  readonly release: Release
}

/** The result of `gc`. */
export interface Collected extends GcPlan {
  readonly runId: string
  readonly status: 'collected'
}

/** The result of `import`: an existing model as the first release. */
export interface Imported {
  readonly runId: string
  readonly status: 'imported'
  readonly release: Release
  /** The files of the folder that were not released. */
  readonly leftOut: readonly LeftOut[]
}

/** A file that `import` skipped. */
export interface LeftOut {
  /** Relative to the folder of the model. */
  readonly path: string
  /** Completes a sentence after the path: `is not part of the model`. */
  readonly reason: string
}

/** The result of `reproduce`. */
export interface Reproduction {
  readonly runId: string
  readonly status: 'reproduced' | 'not-reproduced'
  readonly release: Release
  /** The first input that has changed since the release. If present, nothing was trained. */
  readonly difference?: Difference | undefined
  /** The files of the weights that differ although the inputs are the same. */
  readonly files?: readonly ManifestDifference[] | undefined
}

/** The result of any command that takes the lock. */
export type Outcome = RunResult | Promoted | Withdrawn | Collected | Imported | Reproduction

/** The record of one stage. */
export interface StageRecord {
  readonly name: string
  /** The name of the candidate that the stage worked on. Absent if the run has only one. */
  readonly candidate?: string | undefined
  /** The digest of `parts`. Absent for a stage that is never cached. */
  readonly key?: Digest | undefined
  readonly parts?: Json | undefined
  readonly cached: boolean
  readonly durationMs: number
  /** The training resumed from a checkpoint, so `durationMs` is only its last part. */
  readonly resumed?: boolean | undefined
  /** The value that a host's own stage returned. */
  readonly value?: Json | undefined
}

/** Directories in the store, by digest. */
export interface KeptEvaluations {
  readonly candidate?: Digest | undefined
  readonly baseline?: Digest | undefined
  readonly best?: Digest | undefined
}

/** The stored record of a run. Plain JSON; replaced atomically during the run. */
export interface RunRecord {
  readonly formatVersion: 1
  readonly runId: string
  readonly command:
    | 'run'
    | 'approve'
    | 'release'
    | 'override'
    | 'rollback'
    | 'promote'
    | 'withdraw'
    | 'gc'
    | 'import'
    | 'republish'
    | 'reproduce'
    /** Training and scoring of one trial of a search (`tune`), on the development rows. */
    | 'trial'
  readonly status:
    | 'running'
    /** The process was killed: the run has not ended and does not hold the lock. Set by `Pipeline.runs`, never stored. */
    | 'interrupted'
    | RunStatus
    | 'promoted'
    | 'withdrawn'
    | 'collected'
    | 'imported'
    | Reproduction['status']
    /** The end of a trial. */
    | 'scored'
    | 'failed'
    | 'aborted'
  readonly reason?: string | undefined
  readonly startedAtMs: number
  /** The token of the run's lock. */
  readonly lockToken?: number | undefined
  readonly endedAtMs?: number | undefined
  readonly commit?: string | undefined
  readonly dirty?: boolean | undefined
  /** The run had the option `retrain`. */
  readonly retrain?: boolean | undefined
  readonly channel?: string | undefined
  readonly sourceKey?: Digest | undefined
  /** The inputs of the source key. */
  readonly sourceParts?: Json | undefined
  /** The inputs of the source key, part by part, to find out what changed. */
  readonly source?: ReleaseSource | undefined
  readonly dataset?: DatasetSummary | undefined
  /** The findings about the data, if its quality was checked: up to 100, with up to 20 ids each. `left`: further findings. */
  readonly quality?: (QualityReport & { readonly left: number }) | undefined
  readonly stages: readonly StageRecord[]
  /** What people call the machine: `PipelineOptions.machine`. */
  readonly machine?: string | undefined
  /** For `release`: how long the stages took on the machine that trained the model. */
  readonly measured?: RunMeasurement | undefined
  /** The candidate that the verdict is about. `name`: if the run chose among several. */
  readonly candidate?:
    | { readonly name?: string | undefined; readonly weights: Digest; readonly record: CandidateRecord }
    | undefined
  /** All candidates that the run chose among, in their order. Absent if there was only one. */
  readonly candidates?: readonly JudgedCandidate[] | undefined
  readonly bundle?: Digest | undefined
  /** The decision of a person: an approval or an override. */
  readonly decision?:
    | { readonly by: string; readonly reason: string /** An override's end. */; readonly untilMs?: number | undefined }
    | undefined
  readonly baseline?: Version | undefined
  readonly best?: Version | undefined
  /** The stored evaluations that the gate judged. Absent for host code without a version. */
  readonly evaluations?: KeptEvaluations | undefined
  /** The candidate's metrics on the evaluation set. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined
  readonly verdict?: Verdict | undefined
  /** The gate's policy; also recorded in the release, so that the next run detects changes. */
  readonly policy?: ReleasePolicy | undefined
  readonly version?: Version | undefined
  readonly restoredFrom?: Version | undefined
  /** For `release`: the run that trained and evaluated the model, perhaps on another machine. */
  readonly evaluatedBy?: string | undefined
  /** The later run that completed the host's stages for this run's release, after this run was killed. */
  readonly finishedBy?: string | undefined
  readonly error?: { readonly code?: string | undefined; readonly message: string } | undefined
}
