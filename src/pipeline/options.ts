import type { CallContext, Clock, Digest, Log } from '../core/index.js'
import type { Dataset, RowIdentity } from '../dataset/index.js'
import type { Gate, Ledger } from '../gate/index.js'
import type { Attester, Releaser, Version, VersionLevel } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { NamedBase } from './named-base.js'
import type { Stage } from './stage.js'
import type { Versioning } from './versioning.js'

export interface PipelineOptions<I, T> {
  readonly dataset: Dataset<I, T>
  /** Its input and target types are the dataset's: a wrong one is an error on this line. */
  readonly trainer: Trainer<NoInfer<I>, NoInfer<T>>
  readonly gate: Gate
  readonly releaser: Releaser
  /** Where runs are remembered: `directoryStore('.sheikh')`, or `memoryStore()` in a test. */
  readonly store: Store
  /** @default a journal in the store */
  readonly ledger?: Ledger | undefined
  /** The host's own steps. @default none */
  readonly stages?: readonly Stage[] | undefined
  /**
   * After a stage of the host's that reads the release has failed: goes back to the release before, or leaves that to whoever
   * is told. @default 'notify'
   */
  readonly onFailure?: 'rollback' | 'notify' | undefined
  /** Pointed at each release. @default 'latest' */
  readonly channel?: string | undefined
  /** Decides the next version. @default by the change: labels or architecture major, configuration or prompts minor, data patch */
  readonly versioning?: Versioning | undefined
  /** Makes each release a pre-release of this name: `rc` gives `1.3.0-rc.0`. @default none */
  readonly prerelease?: string | undefined
  /** @default 0 */
  readonly seed?: number | undefined
  /**
   * A release to start training from; only for a trainer that says `warmStart`.
   *
   * @default none: from scratch
   */
  readonly base?: NamedBase | undefined
  /**
   * The training rows as they stood in a commit. Asked where only a share of the old rows is replayed and the store does not
   * hold who they were; believed where the Merkle root is the one that was recorded. @default only the store is asked
   */
  readonly rowsAtCommit?: ((commit: string, context: CallContext) => Promise<readonly RowIdentity[]>) | undefined
  /** Further files of the bundle, under `prompts/` or `sheikh/`. @default none */
  readonly payload?: ((context: CallContext) => Promise<readonly PayloadFile[]>) | undefined
  /** Signs each release: `releaseAttester`. @default none, and releases are not signed */
  readonly attest?: Attester | undefined
  /** Where the work comes from. @default unknown, and not dirty */
  readonly provenance?: ((context: CallContext) => Promise<Provenance>) | undefined
  /** Hidden wherever a run writes. @default none; what looks like a token is always hidden */
  readonly secrets?: readonly string[] | undefined
  readonly clock?: Clock | undefined
  readonly log?: Log | undefined
}

export interface PayloadFile {
  /** `prompts/…` or `sheikh/…`. */
  readonly path: string
  readonly content: string
  readonly digest: Digest
}

export interface Provenance {
  readonly commit?: string | undefined
  /** Files that a run reads and that are not as the commit holds them. */
  readonly dirtyPaths: readonly string[]
  /** Of `dirtyPaths`, the files that Git ignores, so that no commit holds them. */
  readonly ignoredPaths?: readonly string[] | undefined
  /** Of `dirtyPaths`, the files that the commit holds and the checkout leaves out. */
  readonly absentPaths?: readonly string[] | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface RunOptions extends CallOptions {
  /** Trains and judges even where the source key says that nothing changed. @default false */
  readonly retrain?: boolean | undefined
  /** Runs with uncommitted changes; the release is made, and no channel is pointed at it. @default false */
  readonly allowDirty?: boolean | undefined
  /** `patch`, `minor`, `major`, or a version above all before, in place of what the change says. */
  readonly releaseAs?: VersionLevel | Version | undefined
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
  /** Until when somebody answers for it, in milliseconds since 1970; afterwards every run says that it has ended. */
  readonly untilMs: number
}

export interface PromoteOptions extends CallOptions {
  /** The channel to point. */
  readonly to: string
  /** Who asks for it; kept in the ledger. */
  readonly by: string
}

export interface ImportOptions extends CallOptions {
  /** The model's files. */
  readonly directory: string
  /** Where they come from, as people know it. @default the directory */
  readonly from?: string | undefined
  /** Who brings it; kept with the release. */
  readonly by: string
  /** @default 0.1.0 */
  readonly version?: Version | undefined
}

/** At least one; a release that either would keep is kept. */
export interface GcOptions extends CallOptions {
  /** That many of the newest releases that are not withdrawn. */
  readonly keepLast?: number | undefined
  /** All that are younger, in days. */
  readonly retentionDays?: number | undefined
}

export interface RepublishOptions extends CallOptions {
  /** Why; kept with the release. */
  readonly reason: string
  /** Who decides; kept with the release. */
  readonly by: string
}

export interface RollbackOptions extends CallOptions {
  /** @default the newest release before the current one that is not withdrawn and is another bundle */
  readonly to?: string | undefined
  /** Why; kept in the ledger and with the withdrawal. A blank one is refused (`invalid-options`). */
  readonly reason: string
  /** Who decides; kept in the ledger. */
  readonly by: string
}
