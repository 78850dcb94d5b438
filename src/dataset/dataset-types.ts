import type { CallContext, Described, Digest } from '../core/index.js'
import type { Rows } from '../model/index.js'
import type { Documents } from '../store/index.js'

/** A file, or a part of memory, that holds samples. */
export interface SourceEntry {
  /** Below the source's root, with `/`; in errors, slices and caches. */
  readonly path: string
  /** Changes when the content may have; absent: always read. From the stat of a file: size, times, inode. */
  readonly stamp?: string | undefined
  /** Nanoseconds since 1970 of the last change, for the racy rule; present with `stamp`. */
  readonly changedAtNs?: bigint | undefined
  read(context: CallContext): Promise<readonly SourceSample[]>
}

export interface SourceSample {
  readonly value: unknown
  /** Where in the entry: `line 3`, `[2]`; empty for a file that is one sample. */
  readonly position: string
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
  /** The digest of the row. */
  readonly digest: Digest
  readonly group?: string | undefined
}

/** `dataset/evaluation.json`: what models are judged on, decided by people and kept in Git. */
export interface PinnedSet {
  readonly formatVersion: 1
  readonly salt: string
  readonly purpose: string
  /** Share of the keys, 0..1. */
  readonly share: number
  /** Sorted by id. */
  readonly items: readonly PinnedItem[]
}

/** Gives the pinned set; `undefined` where none is pinned yet. */
export interface PinnedSource {
  readonly name: string
  read(context: CallContext): Promise<PinnedSet | undefined>
}

export interface DatasetContext extends CallContext {
  /** Where stats and digests of unchanged files are kept; without it everything is read. */
  readonly cache?: Documents | undefined
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
    readonly setAside: number
    readonly development?: number | undefined
    /** What could be learned from, and is not chosen to be. */
    readonly leftOut?: number | undefined
  }
  /** Rows of a pinned group that are not pinned themselves. */
  readonly setAsideIds: readonly string[]
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
  trainingWhere(keep: (row: RowIdentity) => boolean): Rows<I, T>
  readonly evaluation: Rows<I, T>
  /** Rows that no model may have learned from: those pinned, and those set aside. */
  readonly heldOut: readonly RowIdentity[]
  /** Neither learned from nor judged on. */
  readonly development?: Rows<I, T> | undefined
}

/** What `proposePinnedSet` and `sheikh evaluation` need to know of each row. */
export interface RowIdentity {
  readonly id: string
  readonly digest: Digest
  readonly group?: string | undefined
}
