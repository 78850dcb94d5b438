import type { CallContext, Digest, Manifest } from '../core/index.js'
import type { PendingRelease } from './releaser.js'

/** The storage's own checksum of each file, by path. Empty if the storage has none. */
export type Checksums = Readonly<Record<string, string>>

/** The files of a release in a storage. */
export interface StoredBundle {
  readonly bundle: Digest
  readonly manifest: Manifest
  readonly checksums: Checksums
}

/** The pending release that `ReleaseStorage.putPending` writes. */
export interface PutPending {
  readonly pending: PendingRelease
  /** The folder with the files. Absent: the storage must already have the bundle. */
  readonly directory?: string | undefined
  /** Lists the bundles that the storage has. Their files need no upload. */
  readonly others: () => Promise<readonly StoredBundle[]>
  /** Returns the document of the pending release. */
  readonly encode: (checksums: Checksums) => string
}

/**
 * A place that stores the documents and bundles of a registry: a folder, a bucket, memory. `storedRegistry` implements the
 * `Releaser` protocol with it.
 *
 * The names of documents are `releases/<version>.json`, `withdrawals/<version>.json`, `removals/<version>.json`,
 * `channels/<channel>/<number>.json` and `pending/<version>-<digest>.json`.
 */
export interface ReleaseStorage {
  /** Whether `putPending` gives checksums to `encode`. */
  readonly hasChecksums: boolean
  /** The path or address of a document or folder, for error messages. */
  addressOf(name: string): string
  /** Returns the text of a document; `undefined` if it does not exist. */
  read(name: string, context: CallContext): Promise<string | undefined>
  /** Returns the names of the documents in a folder and below it, in byte order. */
  list(folder: string, context: CallContext): Promise<readonly string[]>
  /** Creates a document completely or not at all. @returns false if it already exists: one of several callers gets true. */
  createExclusively(name: string, text: string, context: CallContext): Promise<boolean>
  /**
   * Stores a bundle, then the document of its pending release. A file that the storage already has is not sent again.
   *
   * @throws `artifact-corrupt` if a file differs from the manifest; `not-found` if `directory` is absent and the storage does
   * not have the bundle completely.
   */
  putPending(request: PutPending, context: CallContext): Promise<void>
  /** Replaces the document of a pending release. Its files stay. */
  replacePending(pending: PendingRelease, text: string, context: CallContext): Promise<void>
  /** Removes a pending release that is not used any more. Does nothing if it is already gone. */
  removePending(pending: PendingRelease, context: CallContext): Promise<void>
  /** Checks every file of a pending release. @throws `artifact-corrupt`. */
  verifyBundle(pending: PendingRelease, checksums: Checksums, context: CallContext): Promise<void>
  /** Moves the bundle of a pending release to where `openBundle` reads it, and checks it there. @throws `artifact-corrupt`. */
  placeBundle(pending: PendingRelease, checksums: Checksums, context: CallContext): Promise<void>
  /** Writes a bundle into an empty folder and checks every file. @throws `artifact-corrupt`. */
  openBundle(bundle: StoredBundle, directory: string, context: CallContext): Promise<void>
  /** Removes a bundle that no release and no pending release uses. Does nothing if it is already gone. */
  removeBundle(bundle: Digest, context: CallContext): Promise<void>
}
