import type { CallContext, Described, Digest } from '../core/index.js'
import type { Row, Rows } from '../model/index.js'
import type { DocumentStore } from '../store/index.js'
import type { InexactNumber } from './json-text.js'

/** A file, or a part of memory, that contains samples. */
export interface SourceEntry {
  /**
   * Describes how a table was read (its columns and separator), so that people can check the guess. Absent if the entry
   * is not a table.
   */
  readonly layout?: ((context: CallContext) => Promise<string>) | undefined
  /** Path relative to the source's root, with `/`. Used in errors, slices and caches. */
  readonly path: string
  /**
   * Changes when the content may have changed. For a file, derived from its stat: size, times, inode. Absent: the entry
   * is always read.
   */
  readonly stamp?: string | undefined
  /**
   * Time of the last change in nanoseconds since 1970. An entry that changed too recently is not trusted by its stamp.
   * Present with `stamp`.
   */
  readonly changedAtNs?: bigint | undefined
  /**
   * Why this file contains no readable samples. Such an entry is never read, and a warning names it. @default the file
   * is readable
   */
  readonly skipped?: string | undefined
  /** Size of the file. Large files are read one at a time. @default not known */
  readonly sizeBytes?: number | undefined
  /** Reads the samples, again on every call: all at once, or in batches, so that not all are in memory. */
  read(context: CallContext): Promise<readonly SourceSample[]> | AsyncIterable<readonly SourceSample[]>
}

export interface SourceSample {
  readonly value: unknown
  /** Position in the entry: `line 3`, `[2]`, `row group 1, row 3`; empty for a file with a single sample. */
  readonly position: string
  /**
   * Numbers in the text that a JavaScript number cannot represent exactly. `value` contains them as text. @default none
   */
  readonly inexact?: readonly InexactNumber[] | undefined
  /** Why there is no sample at this position. `value` is not used then. @default it is a sample */
  readonly problem?: string | undefined
}

/** A source of samples. `list` does not read samples. */
export interface Source extends Described {
  /** Location on this machine. Separates caches, and is not part of any key. Absent: nothing is cached between runs. */
  readonly location?: string | undefined
  list(context: CallContext): Promise<readonly SourceEntry[]>
  /**
   * Names of file contents by path, such as Git's blob ids: files with the same path and name have the same samples. Lets a
   * fresh checkout use what an earlier one found out. @default every file without a known stamp is read
   */
  contentIds?(context: CallContext): Promise<ReadonlyMap<string, string>>
  /**
   * A name of everything that `list` would find, such as one from Git: while the name is the same, so are all samples. Lets an unchanged
   * dataset be recognised without a look at each file. `undefined` if nothing is known. The answer must describe a
   * moment after the call. @default files are listed
   */
  contentId?(context: CallContext): Promise<string | undefined>
}

/** Derives one part of a row from a sample, if a field name is not enough. */
export interface Projection<S, V> extends Described {
  /** Called once before samples are read, for example to load a template. */
  load?(context: CallContext): Promise<void>
  project(sample: S): V
  /**
   * Begins a walk over many samples, whose values may be made in another thread and are those of `project`.
   * @default `project` is called for each sample
   */
  openPass?(context: CallContext): ProjectionPass<S, V>
}

/** One walk over samples. */
export interface ProjectionPass<S, V> {
  /**
   * Makes the values of some samples, in their order. May be called again before it has answered.
   *
   * @param places one for each sample, for errors.
   * @throws the error of the first sample that has one; the reason of the context's signal.
   */
  projectAll(samples: readonly S[], places: readonly ReadPlace[]): Promise<readonly V[]>
  /** Frees what the walk used. Pending calls may fail. */
  close(): void
}

/** Where a sample was read. */
export interface ReadPlace {
  /** Path relative to the source's root. */
  readonly path: string
  /** Position in the file: `line 3`, `[2]`; empty for a file with a single sample. */
  readonly position: string
  /** Its own id. @default it has none */
  readonly id?: string | undefined
}

export interface PinnedItem {
  readonly id: string
  /** The digest of the sample as it was read, without prompts and settings. In format 1, the digest of the row. */
  readonly digest: Digest
  readonly group?: string | undefined
}

/** The content of `dataset/evaluation.json`: the items that models are judged on, chosen by people and kept in Git. */
export interface PinnedSet {
  /** Format 1 is read but never written: its digests are over rows, which settings and prompts change. */
  readonly formatVersion: 1 | 2
  readonly salt: string
  readonly purpose: string
  /** Share of the keys that is selected, 0..1. */
  readonly share: number
  /** The fields that the parts of a row came from when the set was pinned. @default not recorded */
  readonly fields?: PinnedFields | undefined
  /** Records of people accepting changed content, oldest first. @default never */
  readonly repins?: readonly Repin[] | undefined
  /** Sorted by id. */
  readonly items: readonly PinnedItem[]
}

/** Field names of a sample. A part that a prompt or a function produces is absent. */
export interface PinnedFields {
  readonly input?: string | undefined
  readonly target?: string | undefined
  readonly group?: string | undefined
}

/** Records that a person accepted changed content of pinned items. */
export interface Repin {
  readonly reason: string
  readonly by: string
  /** Milliseconds since 1970, UTC. */
  readonly atMs: number
  /** Items whose content or group was replaced. */
  readonly changed: number
  /** Ids of items that were removed because their sample no longer exists. */
  readonly removed: readonly string[]
}

/** Reads the pinned set; `undefined` if none is pinned yet. */
export interface PinnedSource {
  readonly name: string
  read(context: CallContext): Promise<PinnedSet | undefined>
}

export interface DatasetContext extends CallContext {
  /** Cache for stats and digests of unchanged files. Without it every file is read. */
  readonly cache?: DocumentStore | undefined
}

/** Summary of a dataset without its rows. JSON. */
export interface DatasetSummary {
  /** The Merkle root over all rows. */
  readonly fingerprint: Digest
  readonly trainingDigest: Digest
  readonly evaluationDigest: Digest
  /** Present if a share of the training rows is reserved for development. */
  readonly developmentDigest?: Digest | undefined
  readonly counts: {
    readonly rows: number
    readonly training: number
    readonly evaluation: number
    readonly excludedByGroup: number
    readonly development?: number | undefined
    /** Rows that could be trained on but are not selected. */
    readonly leftOut?: number | undefined
    /** Samples that are excluded by `quarantine`. They are in no other count and in no digest. */
    readonly quarantined?: number | undefined
  }
  /** Ids of rows that are not pinned but belong to a pinned group. */
  readonly excludedByGroupIds: readonly string[]
  /** Number of rows per target, if targets are strings and there are at most 1,000 different ones. */
  readonly labels?:
    | { readonly training: Readonly<Record<string, number>>; readonly evaluation: Readonly<Record<string, number>> }
    | undefined
  /** Rows by slice (`category=spam-1`). */
  readonly slices: {
    readonly training: Readonly<Record<string, number>>
    readonly evaluation: Readonly<Record<string, number>>
  }
  /** Problems that a person should look at: `{ code, message, ids }`. */
  readonly warnings: readonly { readonly code: string; readonly message: string; readonly ids: readonly string[] }[]
}

export interface DatasetSnapshot<I, T> {
  readonly summary: DatasetSummary
  readonly training: Rows<I, T>
  /** Identities of the training rows, in order. */
  readonly trainingRows: readonly RowIdentity[]
  /** Returns the training rows for which `keep` is true, in order. */
  filterTraining(keep: (row: RowIdentity) => boolean): Rows<I, T>
  readonly evaluation: Rows<I, T>
  /** Rows that no model may be trained on: those pinned, and those excluded by group. */
  readonly heldOut: readonly RowIdentity[]
  /** Rows for early stopping and tuning: neither trained on nor part of the evaluation set. */
  readonly development?: Rows<I, T> | undefined
  /** Identities of these rows. */
  readonly developmentRows: readonly RowIdentity[]
}

/** The current state of a dataset. */
export interface OpenedDataset<I, T> {
  readonly summary: DatasetSummary
  /**
   * Loads the rows that the summary describes, once. If no sample has changed since the last run, none is loaded before
   * this call.
   *
   * @throws `dataset-changed` if samples changed since.
   */
  snapshot(): Promise<DatasetSnapshot<I, T>>
}

/** The question whether samples changed, which a dataset answers while its caller does other work. */
export interface AskedDataset {
  /** Resolves when nothing that the question began continues. Never rejects. */
  readonly ended: Promise<void>
}

/** The rows of a dataset as they are now, to be compared with those of another state. */
export interface DatasetContents {
  /** Sorted by id. */
  readonly rows: readonly DescribedRow[]
  /** Samples by id, as they were read. Ids that are not in the dataset are left out. @throws `dataset-changed` if samples changed since. */
  samples(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, unknown>>
  /** Digests of the files that samples name, by id and path. Samples that name none are left out. @throws as `samples`. */
  files(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Readonly<Record<string, Digest>>>>
  /** The rows with their inputs, in the same order. */
  whole(): Rows<unknown, unknown>
  /** The rows with the samples that they come from, file after file, so that no more than some files are in memory. @throws as `samples`. */
  withSamples(): AsyncIterable<RowWithSample>
}

export interface RowWithSample {
  readonly row: Row<unknown, unknown>
  /** As it was read. */
  readonly sample: unknown
}

/** A sample that is not in the dataset: its row, or what is wrong with it. */
export type ExaminedSample<I, T> =
  | { readonly row: Row<I, T>; readonly sampleDigest: Digest; readonly problem?: undefined }
  | { readonly problem: string; readonly row?: undefined }

/** A row without its input. */
export interface DescribedRow extends RowIdentity {
  /** The file of the sample. */
  readonly path: string
  /** Position in the file: `line 3`, `[2]`; empty for a file with a single sample. */
  readonly position: string
  /** The target, if it is text of at most 256 characters. */
  readonly label?: string | undefined
  readonly slices: Readonly<Record<string, string>>
}

/** Identity of a row: its id and the digests of its content. */
export interface RowIdentity {
  readonly id: string
  /** The digest of the row: everything that a model receives or is judged by. */
  readonly digest: Digest
  /** The digest of the row's sample as it was read. The evaluation set pins this digest. */
  readonly sampleDigest: Digest
  readonly group?: string | undefined
}
