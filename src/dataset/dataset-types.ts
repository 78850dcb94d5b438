import type { CallContext, Described, Digest } from '../core/index.js'
import type { Rows } from '../model/index.js'
import type { DocumentStore } from '../store/index.js'
import type { InexactNumber } from './json-text.js'

/** A file, or a part of memory, that holds samples. */
export interface SourceEntry {
  /** How a table was read, in words, for people to check a guess: its columns and their separator. Absent: it is no table. */
  readonly layout?: ((context: CallContext) => Promise<string>) | undefined
  /** Below the source's root, with `/`; in errors, slices and caches. */
  readonly path: string
  /** Changes when the content may have; absent: always read. From the stat of a file: size, times, inode. */
  readonly stamp?: string | undefined
  /** Nanoseconds since 1970 of the last change, for the racy rule; present with `stamp`. */
  readonly changedAtNs?: bigint | undefined
  /** Why this file holds no samples that can be read; such an entry is never read, and named in a warning. @default it does */
  readonly skipped?: string | undefined
  read(context: CallContext): Promise<readonly SourceSample[]>
}

export interface SourceSample {
  readonly value: unknown
  /** Where in the entry: `line 3`, `[2]`; empty for a file that is one sample. */
  readonly position: string
  /** Numbers of the text that a JavaScript number cannot hold, which `value` has as text. @default none */
  readonly inexact?: readonly InexactNumber[] | undefined
}

/** Where samples come from. `list` reads no sample. */
export interface Source extends Described {
  /** Where on this machine. Tells caches apart and is part of no key; absent: nothing is cached between runs. */
  readonly location?: string | undefined
  list(context: CallContext): Promise<readonly SourceEntry[]>
}

/** How one part of a row is made of a sample, where a field's name does not say it. */
export interface Projection<S, V> extends Described {
  /** Called once before reading, e.g. to read a template. */
  load?(context: CallContext): Promise<void>
  project(sample: S): V
}

export interface PinnedItem {
  readonly id: string
  /** The digest of the sample as it was read: prompts and settings are no part of it. In format 1, the digest of the row. */
  readonly digest: Digest
  readonly group?: string | undefined
}

/** `dataset/evaluation.json`: what models are judged on, decided by people and kept in Git. */
export interface PinnedSet {
  /** 1 is read, never written: its digests are over rows, which settings and prompts change. */
  readonly formatVersion: 1 | 2
  readonly salt: string
  readonly purpose: string
  /** Share of the keys, 0..1. */
  readonly share: number
  /** The fields that the parts of a row were made of when the set was pinned. @default not recorded */
  readonly fields?: PinnedFields | undefined
  /** Why people accepted other content than they had pinned, oldest first. @default never */
  readonly repins?: readonly Repin[] | undefined
  /** Sorted by id. */
  readonly items: readonly PinnedItem[]
}

/** Field names of a sample; a part that a prompt or a function makes is absent. */
export interface PinnedFields {
  readonly input?: string | undefined
  readonly target?: string | undefined
  readonly group?: string | undefined
}

/** One time that people accepted other content than they had pinned. */
export interface Repin {
  readonly reason: string
  readonly by: string
  /** Milliseconds since 1970, UTC. */
  readonly atMs: number
  /** Items whose content or group was replaced. */
  readonly changed: number
  /** Ids of items that were dropped, because no sample has them any more. */
  readonly removed: readonly string[]
}

/** Gives the pinned set; `undefined` where none is pinned yet. */
export interface PinnedSource {
  readonly name: string
  read(context: CallContext): Promise<PinnedSet | undefined>
}

export interface DatasetContext extends CallContext {
  /** Where stats and digests of unchanged files are kept; without it everything is read. */
  readonly cache?: DocumentStore | undefined
}

/** What is known of a dataset without its rows. JSON. */
export interface DatasetSummary {
  /** The Merkle root over all rows. */
  readonly fingerprint: Digest
  readonly trainingDigest: Digest
  readonly evaluationDigest: Digest
  /** Where a share of the training rows is kept apart. */
  readonly developmentDigest?: Digest | undefined
  readonly counts: {
    readonly rows: number
    readonly training: number
    readonly evaluation: number
    readonly excludedByGroup: number
    readonly development?: number | undefined
    /** What could be learned from, and is not chosen to be. */
    readonly leftOut?: number | undefined
  }
  /** Rows of a pinned group that are not pinned themselves. */
  readonly excludedByGroupIds: readonly string[]
  /** Targets that are strings, counted, where there are at most 1,000 different ones. */
  readonly labels?:
    | { readonly training: Readonly<Record<string, number>>; readonly evaluation: Readonly<Record<string, number>> }
    | undefined
  /** Rows by slice (`category=spam-1`). */
  readonly slices: {
    readonly training: Readonly<Record<string, number>>
    readonly evaluation: Readonly<Record<string, number>>
  }
  /** What a person should look at: `{ code, message, ids }`. */
  readonly warnings: readonly { readonly code: string; readonly message: string; readonly ids: readonly string[] }[]
}

export interface DatasetSnapshot<I, T> {
  readonly summary: DatasetSummary
  readonly training: Rows<I, T>
  /** Who the training rows are, in their order. */
  readonly trainingRows: readonly RowIdentity[]
  /** The training rows for which this is true, in their order. */
  filterTraining(keep: (row: RowIdentity) => boolean): Rows<I, T>
  readonly evaluation: Rows<I, T>
  /** Rows that no model may have learned from: those pinned, and those set aside. */
  readonly heldOut: readonly RowIdentity[]
  /** Neither learned from nor judged on. */
  readonly development?: Rows<I, T> | undefined
}

/** A dataset as it is now. */
export interface OpenedDataset<I, T> {
  readonly summary: DatasetSummary
  /**
   * The rows that the summary is about. If no sample changed since the last time, none is loaded before this call.
   *
   * @throws `dataset-changed` if samples changed since.
   */
  snapshot(): Promise<DatasetSnapshot<I, T>>
}

/** Which row it is, and its content. */
export interface RowIdentity {
  readonly id: string
  /** The digest of the row: of all that a model gets or is judged by. */
  readonly digest: Digest
  /** The digest of the sample that the row is made of, as it was read: what the evaluation set pins. */
  readonly sampleDigest: Digest
  readonly group?: string | undefined
}
