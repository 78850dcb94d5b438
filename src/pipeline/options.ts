import type { CallContext, Clock, Digest, Log } from '../core/index.js'
import type { Dataset, LabelledRow, QualityOptions, RowIdentity } from '../dataset/index.js'
import type { Executor } from '../execute/index.js'
import type { ShardOptions } from '../execute/shards/index.js'
import type { Gate, Ledger } from '../gate/index.js'
import type { Attester, Releaser, Version, VersionLevel } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { NamedBase } from './named-base.js'
import type { Stage } from './stage.js'
import type { CandidateVariant } from './variants.js'
import type { Versioning } from './versioning.js'

export interface PipelineOptions<I, T> {
  readonly dataset: Dataset<I, T>
  /** Trains and loads models. Its input and target types must match the dataset. */
  readonly trainer: Trainer<NoInfer<I>, NoInfer<T>>
  readonly gate: Gate
  readonly releaser: Releaser
  /**
   * Stores the records and outputs of runs, such as `directoryStore('.sheikh')`.
   *
   * @default `memoryStore()`, with a warning in the first run: everything in it is gone when the process ends
   */
  readonly store?: Store | undefined
  /** The chain of decisions. @default a journal in the store */
  readonly ledger?: Ledger | undefined
  /** Your own stages. @default none */
  readonly stages?: readonly Stage[] | undefined
  /**
   * What happens if one of your stages fails after the release: roll back to the previous release, or only report the error.
   * @default 'notify'
   */
  readonly onFailure?: 'rollback' | 'notify' | undefined
  /** The channel that points at each release. @default 'latest' */
  readonly channel?: string | undefined
  /** Decides the next version. @default by the change: labels or architecture major, configuration or prompts minor, data patch */
  readonly versioning?: Versioning | undefined
  /** Makes each release a pre-release with this name: `rc` gives `1.3.0-rc.0`. @default none */
  readonly prerelease?: string | undefined
  /**
   * Further candidates of each run, by name. The run trains the candidate of `trainer` and all of these, judges each at a
   * level of 5 % divided by their number, and releases the best that passes. "Best": by the gate's primary metric; among
   * equals the first. At most 99; a name has a-z, 0-9 and "-". @default none: the candidate of `trainer` is the only one
   */
  readonly candidates?: Readonly<Record<string, CandidateVariant<NoInfer<I>, NoInfer<T>>>> | undefined
  /** The seed of all random choices. @default 0 */
  readonly seed?: number | undefined
  /**
   * A release to start training from. Requires a trainer with `warmStart: true`.
   *
   * @default none: from scratch
   */
  readonly base?: NamedBase | undefined
  /**
   * Returns the training rows of a commit. Called if only a share of the old rows is replayed and the store does not have their
   * digests. The result is used only if its Merkle root matches the record. @default only the store is used
   */
  readonly rowsAtCommit?: ((commit: string, context: CallContext) => Promise<readonly RowIdentity[]>) | undefined
  /**
   * Returns all rows of a commit with their labels. Called if `quality` looks for relabelled rows and the store does not have the
   * rows of the release. The result is used only if its Merkle root matches the record. @default only the store is used
   */
  readonly labelsAtCommit?:
    | ((commit: string, context: CallContext) => Promise<readonly (LabelledRow & Pick<RowIdentity, 'digest'>)[]>)
    | undefined
  /**
   * Checks the quality of the data before training, as `checkQuality` does. A finding that fails ends the run with `dataset-invalid`.
   *
   * @default not checked
   */
  readonly quality?: QualityOptions | undefined
  /** Additional files of the bundle, under `prompts/` or `sheikh/`. @default none */
  readonly payload?: ((context: CallContext) => Promise<readonly PayloadFile[]>) | undefined
  /** Signs each release: `releaseAttester`. @default none: releases are not signed */
  readonly attest?: Attester | undefined
  /** The commit and the uncommitted changes of a run. @default unknown and clean */
  readonly provenance?: ((context: CallContext) => Promise<Provenance>) | undefined
  /** Texts to hide in everything that a run writes. @default none; anything that looks like a token is always hidden */
  readonly secrets?: readonly string[] | undefined
  /**
   * Trains the candidates of a run at once, on workers with `candidateKind`, with the same result and the same stage keys. Only with
   * `candidates`. The workers use the store of the pipeline. Candidates whose trainer names releases or gives jobs to workers itself,
   * and those that replay a share of the rows of a base, train in this process.
   *
   * @default one after the other, in this process
   */
  readonly training?: { readonly executor: Executor } | undefined
  /**
   * Evaluates on workers, with the same result and the same stage keys. Models that are timed, those whose predictions are known in
   * part from an earlier run, and candidates of another trainer without a version predict in this process.
   *
   * @default this process
   */
  readonly evaluation?: ShardOptions | undefined
  /**
   * Checks the quality of the data on workers with `dataCheckKind`, with the same report. Only with `quality`.
   *
   * @default this process
   */
  readonly dataCheck?: ShardOptions | undefined
  /**
   * A name for the machine, recorded with the duration of each stage in runs and releases. A registry may be public.
   *
   * @default the trainer's device and the number of processor cores, such as `wasm, 2 cores`
   */
  readonly machine?: string | undefined
  readonly clock?: Clock | undefined
  readonly log?: Log | undefined
}

/** The options inside a pipeline: with a store, and with rows that are passed along and never inspected. */
export type PipelineParts = PipelineOptions<unknown, unknown> & { readonly store: Store }

export interface PayloadFile {
  /** `prompts/…` or `sheikh/…`. */
  readonly path: string
  readonly content: string
  readonly digest: Digest
}

export interface Provenance {
  readonly commit?: string | undefined
  /** Files that a run reads and that differ from the commit. */
  readonly dirtyPaths: readonly string[]
  /** The files in `dirtyPaths` that Git ignores, so that no commit contains them. */
  readonly ignoredPaths?: readonly string[] | undefined
  /** The files in `dirtyPaths` that are in the commit but not in the checkout. */
  readonly absentPaths?: readonly string[] | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface RunPlanOptions extends CallOptions {
  /** Plans a run with `retrain`. @default false */
  readonly retrain?: boolean | undefined
}

export interface RunOptions extends CallOptions {
  /** Trains and evaluates even if the source key shows that nothing changed. @default false */
  readonly retrain?: boolean | undefined
  /** Runs with uncommitted changes. The release is published, but no channel points at it. @default false */
  readonly allowDirty?: boolean | undefined
  /** `patch`, `minor`, `major`, or a version above all used ones. @default depends on what changed */
  readonly releaseAs?: VersionLevel | Version | undefined
  /**
   * `verdict`: ends before the release, for a machine without secrets. Writes nothing to the registry and to the ledger, so the
   * verdict is preliminary. `Pipeline.release` decides and publishes, here or on another machine. @default runs to the end
   */
  readonly until?: 'verdict' | undefined
}

/** A run that ended with `until: 'verdict'`: in the pipeline's store, or in a folder that `Pipeline.exportRun` wrote. */
export type AwaitingRun = { readonly runId: string } | { readonly directory: string }

export interface ReleaseOptions extends CallOptions {
  /**
   * Loads the model here and scores it again, instead of computing the scores from the predictions of the other machine.
   * @default false
   */
  readonly evaluate?: boolean | undefined
  /** Releases the run's model even if the source key shows that nothing changed, for a run with `retrain`. @default false */
  readonly retrain?: boolean | undefined
  /** As in `RunOptions`. */
  readonly releaseAs?: VersionLevel | Version | undefined
}

export interface ExportOptions extends CallOptions {
  /** The folder to write, absent or empty. */
  readonly directory: string
}

export interface ApproveOptions extends CallOptions {
  readonly reason: string
  readonly by: string
}

export interface AcceptLossOptions extends CallOptions {
  readonly reason: string
  readonly by: string
}

export interface OverrideOptions extends ApproveOptions {
  /** The end of the override, in milliseconds since 1970. Later runs warn that it has ended. */
  readonly untilMs: number
}

export interface PromoteOptions extends CallOptions {
  /** The channel to move. */
  readonly to: string
  /** Who decides; recorded in the ledger. */
  readonly by: string
}

export interface WithdrawOptions extends CallOptions {
  /** Why; recorded in the ledger and in the withdrawal. Must not be blank (`invalid-options`). */
  readonly reason: string
  /** Who decides; recorded in the ledger. */
  readonly by: string
}

export interface ImportOptions extends CallOptions {
  /** The folder with the model's files. */
  readonly directory: string
  /** The origin of the model, as a description for people. @default the directory */
  readonly from?: string | undefined
  /** Who imports it; recorded in the release. */
  readonly by: string
  /** The version of the release. @default 0.1.0 */
  readonly version?: Version | undefined
}

/** The retention rules; at least one is required. A release is kept if either rule keeps it. */
export interface GcOptions extends CallOptions {
  /** The number of newest releases to keep, not counting withdrawn ones. */
  readonly keepLast?: number | undefined
  /** Keeps releases that are younger than this many days. */
  readonly retentionDays?: number | undefined
}

export interface RepublishOptions extends CallOptions {
  /** Why; recorded in the release. */
  readonly reason: string
  /** Who decides; recorded in the release. */
  readonly by: string
}

export interface RollbackOptions extends CallOptions {
  /** The version to roll back to. @default the newest earlier release that is not withdrawn and has a different bundle */
  readonly to?: string | undefined
  /** Why; recorded in the ledger and in the withdrawal. Must not be blank (`invalid-options`). */
  readonly reason: string
  /** Who decides; recorded in the ledger. */
  readonly by: string
}
