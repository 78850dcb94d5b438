import type { CallContext, Described, Digest, Json, Manifest } from '../core/index.js'

/** SemVer 2.0.0, without a leading `v`. Used once. */
export type Version = string

/** The payload of a release, in a local directory. Its digest is the manifest's. */
export interface Bundle {
  readonly digest: Digest
  readonly manifest: Manifest
  readonly directory: string
}

/** What must follow a publication, kept with the release, so that any later run on any machine can finish it. */
export interface PostPublishActions {
  /** Pointed at the release after publication; absent: none is. */
  readonly channel?: string | undefined
  /**
   * Where the channel pointed when this release was decided on (`null`: nowhere). If it points elsewhere by then, this
   * release was never compared with that one: the channel is not moved, and this release is withdrawn. Absent: moved anyway.
   */
  readonly replaces?: Version | null | undefined
  /** Withdrawn after that. */
  readonly withdraws: readonly Version[]
  /** Why it was published again, and what it replaced withdrawn. */
  readonly reason?: string | undefined
  /** Who decided; absent if no person did. */
  readonly by?: string | undefined
  /** Absent where host code has no version. */
  readonly sourceKey?: Digest | undefined
}

/** What is attached to a release and is not part of the bundle's digest: run, commit, verdict, the values of metrics. JSON. */
export interface ReleaseRecord {
  readonly runId: string
  readonly commit?: string | undefined
  readonly atMs: number
  /** A rollback's or a revert's origin. */
  readonly restoredFrom?: Version | undefined
  /** Where a model came from that was not trained here, and who brought it. */
  readonly importedFrom?: { readonly from: string; readonly by?: string | undefined } | undefined
  /** By metric, on `evaluationDigest`. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined
  readonly evaluationDigest?: Digest | undefined
  /** How it scored on `evaluationDigest`, item by item: ids, labels and scores, no text. */
  readonly answers?: Json | undefined
  readonly verdict?: Json | undefined
  /** What decided: the gate's description, and what identifies the evaluation items. No text of a sample. */
  readonly policy?: Json | undefined
  readonly candidate?: Json | undefined
  readonly dataset?: Json | undefined
  /** What it was made of, part by part: labels, architecture, configuration, prompts, data. */
  readonly source?: Json | undefined
  /** What the host's stages returned before the release, by stage. */
  readonly stages?: Readonly<Record<string, Json>> | undefined
  /** Who released it where the evidence left it open, and why. */
  readonly approval?: Json | undefined
  /** Who released it against the evidence, why, and until when they answer for it: `untilMs`. */
  readonly override?: Json | undefined
  /** The ledger's last line when it was made, from outside the ledger: what is dropped from its end later is missed. */
  readonly ledger?: Json | undefined
  readonly attestation?: Attestation | undefined
}

/** What was signed of a release, each as the text of a Sigstore bundle. */
export interface Attestation {
  /** Its files: the text of a `model.sig` (OpenSSF Model Signing 1.0). */
  readonly signature: string
  /** Where they come from: an in-toto statement. */
  readonly provenance: string
}

/** Signs a release before it is prepared. */
export type Attester = (pending: PendingRelease, context: CallContext) => Promise<Attestation>

export interface PrepareRequest {
  /** Without `directory`: that of a release which the registry holds, so that nothing is read or sent. */
  readonly bundle: Omit<Bundle, 'directory'> & { readonly directory?: string | undefined }
  readonly version: Version
  readonly postPublish: PostPublishActions
  readonly record: ReleaseRecord
}

/** A release in waiting: invisible to readers. Plain JSON, so that a fresh machine can go on with it. */
export interface PendingRelease {
  readonly formatVersion: 1
  readonly version: Version
  readonly bundle: Digest
  readonly manifest: Manifest
  readonly postPublish: PostPublishActions
  readonly record: ReleaseRecord
}

export interface PendingState {
  readonly pending: PendingRelease
  readonly publishing: boolean
}

/** A bundle under a version. JSON. */
export interface Release extends PendingRelease {
  readonly publishedAtMs: number
  readonly withdrawn?: { readonly reason: string; readonly atMs: number } | undefined
  /** When its files were removed to save space; what is known of it stays. */
  readonly removedAtMs?: number | undefined
}

/** Something in a registry that no release explains. */
export interface UnexplainedItem {
  readonly kind: 'release' | 'channel' | 'tag' | 'commit' | 'asset'
  readonly name: string
  readonly fact: string
}

/** Where releases are kept for readers. Nothing is ever half published. */
export interface Releaser extends Described {
  /** The release that a channel points at, withdrawn or not. */
  current(channel: string, context: CallContext): Promise<Release | undefined>
  /** Where every channel points. */
  channels(context: CallContext): Promise<Readonly<Record<string, Version>>>
  /** All releases, newest (highest in order of publication) first. */
  history(context: CallContext): AsyncIterable<Release>
  /**
   * Invisible to readers; the same request twice is one pending release.
   *
   * @throws `release-conflict` where the version is taken by another bundle; `not-found` for a bundle without directory
   * that the registry does not hold, or not whole.
   */
  prepare(request: PrepareRequest, context: CallContext): Promise<PendingRelease>
  /** All that is prepared and whole. One whose publication began, so that some reader may see it, is `publishing`: only forward. */
  pending(context: CallContext): AsyncIterable<PendingState>
  /** Reads back what was uploaded. @throws `artifact-corrupt`. */
  verify(pending: PendingRelease, context: CallContext): Promise<void>
  /** The version appears, whole. Repeating it is harmless. @throws `release-conflict` where the version is taken. */
  publish(pending: PendingRelease, context: CallContext): Promise<Release>
  /** Compare-and-set: `expected` is the version that the channel pointed at (`undefined`: none). Pointing where it points is harmless. @throws `release-conflict`. */
  point(channel: string, version: Version, expected: Version | undefined, context: CallContext): Promise<void>
  /** Forgets a pending release. Harmless where it is gone; never touches a published release. */
  discard(pending: PendingRelease, context: CallContext): Promise<void>
  /** Marks a release as rolled back from, for good. Repeating it is harmless. @throws `not-found`. */
  withdraw(version: Version, reason: string, context: CallContext): Promise<void>
  /**
   * Deletes the files of a release that no other release or staging has. Its record stays: the version is used, and what
   * was withdrawn is withdrawn. Repeating it is harmless.
   *
   * @throws `not-found`; `release-conflict` where a channel points at it; `release-rejected` where the registry cannot.
   */
  remove(version: Version, context: CallContext): Promise<void>
  /** What stands there and is of no release, though it looks like one: for audits. Absent: it cannot be told. */
  unexplained?(context: CallContext): AsyncIterable<UnexplainedItem>
  /** Writes the bundle into `directory` (absent or empty), every file checked. @throws `artifact-corrupt`, `not-found`. */
  open(version: Version, directory: string, context: CallContext): Promise<Bundle>
}
