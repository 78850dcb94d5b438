import type { CallContext, Described, Digest, Manifest } from '../core/index.js'
import type { Attestation, ReleaseRecord } from './release-record.js'

/** A SemVer 2.0.0 version without a leading `v`. Each version is used only once. */
export type Version = string

/** The files of a release in a local directory. `digest` is the digest of the manifest. */
export interface Bundle {
  readonly digest: Digest
  readonly manifest: Manifest
  readonly directory: string
}

/** The steps that follow a publication. They are stored with the release, so that a later run on any machine can finish them. */
export interface PostPublishActions {
  /** The channel to point at the release. Absent: no channel moves. */
  readonly channel?: string | undefined
  /**
   * The version that the channel pointed at when this release was decided (`null`: none). If the channel points elsewhere
   * at publication, this release was never compared with the current one: the channel does not move and this release is
   * withdrawn. Absent: the channel always moves.
   */
  readonly replaces?: Version | null | undefined
  /** The versions to withdraw once the channel points at this release. */
  readonly withdraws: readonly Version[]
  /** The reason for a rollback or a republication; also recorded with the withdrawals. */
  readonly reason?: string | undefined
  /** The person who decided. Absent if no person did. */
  readonly by?: string | undefined
  /** The source key of the release. Absent if host code has no `version`. */
  readonly sourceKey?: Digest | undefined
}

/** Signs a release before a registry prepares it. */
export type Attester = (pending: PendingRelease, context: CallContext) => Promise<Attestation>

/** The release that `Releaser.prepare` uploads. */
export interface PrepareRequest {
  /** Without `directory`, the registry reuses the bundle of an earlier release: nothing is read or uploaded. */
  readonly bundle: Omit<Bundle, 'directory'> & { readonly directory?: string | undefined }
  readonly version: Version
  readonly postPublish: PostPublishActions
  readonly record: ReleaseRecord
}

/** A prepared release that readers cannot see yet. Plain JSON, so that another machine can publish or discard it. */
export interface PendingRelease {
  readonly formatVersion: 1
  readonly version: Version
  readonly bundle: Digest
  readonly manifest: Manifest
  readonly postPublish: PostPublishActions
  readonly record: ReleaseRecord
}

/** A pending release, and whether its publication has started. */
export interface PendingState {
  readonly pending: PendingRelease
  /** True if a reader may already see the release: it must then be published, not discarded. */
  readonly publishing: boolean
}

/** A published release: a bundle under a version. Plain JSON. */
export interface Release extends PendingRelease {
  readonly publishedAtMs: number
  /** Present if the release was rolled back from. */
  readonly withdrawn?: { readonly reason: string; readonly atMs: number } | undefined
  /** The time at which its files were removed to save space. The record remains. */
  readonly removedAtMs?: number | undefined
}

/** An item in a registry that belongs to no release, or that the ledger does not explain. */
export interface UnexplainedItem {
  readonly kind: 'release' | 'channel' | 'tag' | 'commit' | 'asset'
  readonly name: string
  /** What is wrong with the item. */
  readonly fact: string
}

/**
 * A registry: stores releases and serves them to readers. A release becomes visible completely or not at all.
 *
 * Publishing takes two phases: `prepare` uploads a release that readers cannot see, `verify` checks the upload, then
 * `publish` makes it visible or `discard` removes it. A crash between two calls is safe: the next run finds the release with
 * `pending` and publishes or discards it. `releaserContract` in `sheikh-freemium/testing` tests an implementation.
 */
export interface Releaser extends Described {
  /** Returns the release that a channel points at, including a withdrawn one, or `undefined`. */
  current(channel: string, context: CallContext): Promise<Release | undefined>
  /** Returns the version that each channel points at. */
  channels(context: CallContext): Promise<Readonly<Record<string, Version>>>
  /** Yields all releases, the most recently published first. */
  history(context: CallContext): AsyncIterable<Release>
  /**
   * Uploads a release without making it visible to readers. Preparing the same request again returns the same pending
   * release.
   *
   * @throws `release-conflict` if another bundle already uses the version; `not-found` for a bundle without `directory`
   * that the registry does not have completely.
   */
  prepare(request: PrepareRequest, context: CallContext): Promise<PendingRelease>
  /** Yields all completely prepared releases. `publishing` marks those whose publication has started: publish them, never discard them. */
  pending(context: CallContext): AsyncIterable<PendingState>
  /**
   * Checks the uploaded files by reading them back or by comparing the registry's own digests.
   *
   * @throws `artifact-corrupt` if a file is missing or differs; `release-conflict` if the registry does not have the pending
   * release, because another process discarded it or it was never prepared.
   */
  verify(pending: PendingRelease, context: CallContext): Promise<void>
  /**
   * Makes a pending release visible under its version, completely and at once. Safe to repeat.
   *
   * @throws `release-conflict` if the version is taken or the registry does not have the pending release;
   * `artifact-corrupt` if a file of the pending release is missing or differs.
   */
  publish(pending: PendingRelease, context: CallContext): Promise<Release>
  /**
   * Points a channel at a release (compare-and-set). Safe to repeat.
   *
   * @param expected the version that the channel points at now; `undefined`: none.
   * @throws `release-conflict` if the channel points elsewhere.
   */
  point(channel: string, version: Version, expected: Version | undefined, context: CallContext): Promise<void>
  /** Discards a pending release. Does nothing if it is already gone; never affects a published release. */
  discard(pending: PendingRelease, context: CallContext): Promise<void>
  /** Marks a release as withdrawn, permanently. Safe to repeat. @throws `not-found`. */
  withdraw(version: Version, reason: string, context: CallContext): Promise<void>
  /**
   * Deletes the files of a release that no other release and no pending release uses. The record remains: the version
   * stays used and a withdrawal stays in force. Safe to repeat.
   *
   * @throws `not-found`; `release-conflict` if a channel points at the release; `release-rejected` if the registry does not
   * support removal.
   */
  remove(version: Version, context: CallContext): Promise<void>
  /** Yields items that look like part of a release but belong to none, for audits. Leave it out if the registry cannot list them. */
  unexplained?(context: CallContext): AsyncIterable<UnexplainedItem>
  /** Downloads the bundle into `directory`, which must be absent or empty, and checks every file. @throws `artifact-corrupt`, `not-found`. */
  open(version: Version, directory: string, context: CallContext): Promise<Bundle>
}
