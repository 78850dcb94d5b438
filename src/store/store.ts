import type { CallContext, Digest, Json, Manifest } from '../core/index.js'

/** Where runs are remembered: outputs by digest, stages by key, runs, journals and small documents. */
export interface Store {
  readonly contract: 1
  readonly name: string
  readonly objects: ObjectStore
  readonly keys: KeyStore
  readonly runs: RunStore
  readonly documents: DocumentStore
  readonly journals: JournalStore
  /** Absent: a training that is killed begins anew. */
  readonly checkpoints?: CheckpointStore | undefined
  /**
   * Takes the project's lock. A lock is taken over if its process is known to be gone, or if it cannot be seen from here
   * and gave no sign of life for the length of a lease.
   *
   * @throws `locked` with the holder in `facts` if somebody else holds it.
   */
  lock(purpose: string, context: CallContext): Promise<Lock>
  /** The lock as it is held now; `undefined` if nobody holds it. Changes nothing. Absent: the store cannot tell. */
  heldLock?(context: CallContext): Promise<HeldLock | undefined>
  /** A fresh, empty folder for work in progress; what a crash leaves there is removed by the next holder of the lock. */
  workDirectory(purpose: string): Promise<string>
}

/** Content by digest. Whatever is read is hashed again: @throws `artifact-corrupt`, and `not-found` for what is not there. */
export interface ObjectStore {
  put(bytes: Uint8Array, context: CallContext): Promise<Digest>
  get(digest: Digest, context: CallContext): Promise<Uint8Array>
  has(digest: Digest): Promise<boolean>
  /**
   * Keeps every file of a directory and its manifest; the digest is the manifest's (`digestManifest`).
   *
   * @param options.manifest of the directory as it was read before, which spares a reading. Each file that is copied is
   *   compared with it. @throws `artifact-corrupt` for a file that changed since.
   */
  putDirectory(
    directory: string,
    context: CallContext,
    options?: { readonly manifest?: Manifest | undefined },
  ): Promise<Digest>
  manifest(digest: Digest, context: CallContext): Promise<Manifest>
  /** Writes a kept directory into `target`, which must be absent or empty. */
  getDirectory(digest: Digest, target: string, context: CallContext): Promise<void>
  /**
   * Removes a kept directory and its files. Only for a directory whose files no other directory contains. Does nothing if there is
   * no such directory. Absent: the store keeps everything.
   */
  removeDirectory?(digest: Digest, context: CallContext): Promise<void>
}

/** What a stage put out, under the key of all that decides it. */
export interface KeyRecord {
  readonly formatVersion: 1
  readonly key: Digest
  /** What the key was made of, so that `why` can name the first difference. */
  readonly parts: Json
  readonly value: Json
  /** The digest of the directory that belongs to it. */
  readonly files?: Digest | undefined
  readonly runId: string
  readonly atMs: number
}

/** A corrupted or torn record reads as absent: it costs time, never truth. */
export interface KeyStore {
  get(key: Digest): Promise<KeyRecord | undefined>
  put(record: KeyRecord): Promise<void>
}

export interface RunStore {
  /** Replaces the run's record, whole. */
  write(runId: string, record: Json): Promise<void>
  read(runId: string): Promise<Json | undefined>
  /** Ids, newest first. */
  list(): Promise<readonly string[]>
  append(runId: string, event: Json): Promise<void>
  /** What was appended until the call, one by one; a line cut short by a crash is left out. */
  events(runId: string): AsyncIterable<Json>
}

/** Small JSON documents by name (`[a-z0-9-]+`), replaced whole: caches that may be lost. A torn one reads as absent. */
export interface DocumentStore {
  read(name: string): Promise<Json | undefined>
  write(name: string, value: Json): Promise<void>
}

/** Lists of lines that only grow (`[a-z0-9-]+`). */
export interface JournalStore {
  read(name: string): Promise<readonly string[]>
  /**
   * Adds a line durably, if the journal holds `expectedLength` lines. A line that a crash cut short is removed first.
   *
   * @throws `release-conflict` where it holds another number.
   */
  append(name: string, line: string, expectedLength: number): Promise<void>
}

/** Folders that outlive a run: where a training keeps what it goes on from after a crash, by the key of what it makes. */
export interface CheckpointStore {
  /** The folder of this key, made if there is none. Of others, those asked for longest ago are removed: two stay. */
  folder(key: Digest): Promise<string>
  /** Removes the folder of this key, if there is one. */
  remove(key: Digest): Promise<void>
}

export interface HeldLock {
  /** As in `Lock`. */
  readonly token: number
  /** What the holder gave as its purpose: the command, for a pipeline. */
  readonly purpose: string
}

export interface Lock extends AsyncDisposable {
  /** Grows with every holder: what an earlier holder started late can be told from what is current. */
  readonly token: number
  /** @throws `locked` where somebody else has taken it over. Called before every publication. */
  check(): Promise<void>
  release(): Promise<void>
}
