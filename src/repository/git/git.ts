import type { CallContext } from '../../core/index.js'
import type { DocumentStore } from '../../store/index.js'

/**
 * What Sheikh needs of Git. `nativeGit` calls the program `git`, `isomorphicGit` needs no program. Both give the same
 * answers; where a repository uses a feature that isomorphic-git lacks, `isomorphicGit` throws `repository-invalid` and
 * names the feature.
 */
export interface Git {
  readonly kind: 'native' | 'isomorphic'
  /** The folder of the work tree. */
  readonly root: string
  /** The folder of this work tree's HEAD and index. */
  readonly directory: string
  /** The folder of objects and shared refs. Differs from `directory` in a linked work tree. */
  readonly commonDirectory: string

  /** `undefined` before the first commit. */
  head(): Promise<Head | undefined>
  /** The full name of the branch that is checked out, also before its first commit. `undefined`: HEAD is detached. */
  branch(): Promise<string | undefined>
  /** The identity that Git would write into a commit. `undefined`: nobody has set one. */
  author(): Promise<Author | undefined>
  /** The last value of a setting, wherever Git looks for it: local, global, system, included files, environment. */
  config(key: string): Promise<string | undefined>
  /** The names of all settings in a section, each once: `origin.url` for `remote`. The last part is in lower case. */
  settings(section: string): Promise<readonly string[]>
  /** The texts of the attribute files outside the work tree. `undefined` if a setting names a file that cannot be found. */
  outsideAttributes(): Promise<readonly string[] | undefined>

  /** The commit that a full ref name (`refs/…`) points at. */
  readRef(ref: string): Promise<string | undefined>
  /** The full names of the branches of this clone whose full names begin with `prefix`, sorted. */
  branches(prefix: string): Promise<readonly string[]>
  /**
   * Points a ref at `next` if it points at `expected` (`undefined`: if it does not exist).
   *
   * @returns false if it points elsewhere.
   * @throws `locked` while another program holds the ref.
   */
  moveRef(ref: string, next: string, expected: string | undefined): Promise<boolean>

  /** @param name a commit id, or a unique prefix of one. @returns `undefined` if this clone has no such commit. */
  readCommit(name: string): Promise<Commit | undefined>
  /** Whether `oid` is `ancestor` or one of its descendants. */
  isDescendant(oid: string, ancestor: string): Promise<boolean>
  /** How many commits HEAD has that `ancestor` lacks; all of this clone if `ancestor` is not among HEAD's ancestors here. */
  commitsSince(ancestor: string): Promise<{ readonly count: number; readonly isAncestor: boolean }>
  /** Whether the clone lacks the older commits. */
  isShallow(): boolean
  /**
   * The commits that `to` has and `from` lacks, newest first, with the files that each changed. A merge changed the files
   * that differ from all its parents.
   *
   * @throws `repository-invalid` if this clone lacks a commit.
   */
  history(range: CommitRange, context: CallContext): Promise<readonly PastCommit[]>
  /** The files below `paths` in a commit's tree; all files without `paths`. */
  tree(commit: string, paths?: readonly string[]): Promise<ReadonlyMap<string, TreeEntry>>
  /** As `tree`, without an object for each file: `visit` gets the files in Git's order, each time that it is called. */
  treeFiles(commit: string, paths: readonly string[]): Promise<TreeFiles>
  /** The files below `paths` that differ between two commits, by path. */
  treeChanges(from: string, to: string, paths: readonly string[]): Promise<ReadonlyMap<string, TreeChange>>
  /** One level of a tree. @param oid a commit or a tree. */
  readTree(oid: string): Promise<readonly TreeItem[]>
  readBlob(oid: string): Promise<Uint8Array>
  /** Reads many blobs, one in memory at a time. Each content is valid until the next blob is requested. */
  readBlobs(oids: readonly string[], maximumBytes: number, context: CallContext): AsyncIterable<BlobRead>
  /** Reads blobs on demand, in pieces. */
  openBlobs(context: CallContext): BlobReader
  writeBlob(content: Uint8Array): Promise<string>
  writeTree(items: readonly TreeItem[]): Promise<string>
  /** Writes the commit object; no ref moves. */
  writeCommit(commit: NewCommit): Promise<string>

  /** How the work tree below `paths` differs from HEAD, with Git's filters and line-ending settings applied. */
  changes(paths: readonly string[], context: CallContext, cache?: DocumentStore | undefined): Promise<Changes>
  /**
   * A name of the content of all files below a folder of the work tree, which changes with the content. `undefined` if no such name
   * can be found out without reading files: then nothing is known. Shares a comparison by `changes` that begins after the call.
   *
   * @param folder below `root`.
   */
  folderContent?(folder: string, context: CallContext): Promise<string | undefined>
  /** Makes files of the work tree and the index what they were in a commit. */
  restore(commit: string, files: Restored, context: CallContext): Promise<void>
  /** The `absent` files of `changes`; compares no file. */
  absent(paths: readonly string[], context: CallContext): Promise<readonly string[]>
  /**
   * Commits files as they are in the work tree, and moves HEAD. The index follows for these files. What else was staged
   * stays staged, and is not committed.
   *
   * @returns the commit's id.
   */
  commitFiles(
    files: Pick<Changes, 'changed' | 'deleted'>,
    commit: Pick<NewCommit, 'message' | 'author' | 'timestamp'>,
    context: CallContext,
  ): Promise<string>
  /** Keeps other programs from changing the index, where no program `git` does so at each step. @throws `locked`. */
  exclusively<R>(work: () => Promise<R>, context: CallContext): Promise<R>
  /** Writes regular files of a commit into a folder, as a checkout would. Symbolic links are left out. */
  writeFiles(commit: string, paths: readonly string[], directory: string, context: CallContext): Promise<void>
  /** The same for entries of `tree`. */
  writeEntries(commit: string, entries: readonly TreeEntry[], directory: string, context: CallContext): Promise<void>
}

export interface Head {
  readonly oid: string
  readonly branch?: string | undefined
}

export interface Author {
  readonly name: string
  readonly email: string
}

export interface Commit {
  readonly oid: string
  readonly parents: readonly string[]
  readonly message: string
}

export interface CommitRange {
  readonly to: string
  /** Absent: all ancestors of `to`. */
  readonly from?: string | undefined
  /** Files and folders below the repository's root. Only commits that changed one of them are listed. @default all */
  readonly paths?: readonly string[] | undefined
}

export interface PastCommit extends Commit {
  readonly author: Author
  /** When the author made it, in milliseconds since 1970. */
  readonly atMs: number
  /** Absent if the clone lacks a parent, so that the changes are unknown. */
  readonly changes?: readonly PathChange[] | undefined
}

export interface PathChange {
  /** Below the repository's root. */
  readonly path: string
  readonly change: 'added' | 'removed' | 'changed'
  /** The blobs that the parents have there. */
  readonly before: readonly string[]
  /** The blob that the commit has there. Absent if it has none, or a submodule. */
  readonly after?: string | undefined
}

export interface BlobRead {
  readonly oid: string
  /** Absent: the blob is larger than `maximumBytes`, or this clone lacks it. */
  readonly content?: Uint8Array | undefined
}

/** Dispose of it to end its program. */
export interface BlobReader extends AsyncDisposable {
  /**
   * Reads a blob. `take` gets its pieces in order, each valid during the call.
   *
   * @throws `repository-invalid` if this clone lacks the blob.
   */
  read(oid: string, take: (piece: Uint8Array, sizeBytes: number) => void): Promise<void>
}

export interface NewCommit {
  readonly tree: string
  readonly parents: readonly string[]
  readonly message: string
  /** Also the committer. */
  readonly author: Author
  /** Seconds since 1970. */
  readonly timestamp: number
}

export interface TreeEntry {
  /** Below the repository's root. */
  readonly path: string
  readonly oid: string
  /** `100644`, `100755`, `120000` (a symbolic link) or `160000` (a submodule's commit). */
  readonly mode: string
}

/** The files of a tree. */
export interface TreeFiles {
  visit(take: (path: string, oid: string, mode: string) => void): void
}

export interface TreeChange {
  /** Absent: the file is new. */
  readonly before?: TreeEntry | undefined
  /** Absent: the file was removed. */
  readonly after?: TreeEntry | undefined
}

export interface TreeItem extends TreeEntry {
  readonly type: 'blob' | 'tree' | 'commit'
}

export interface Changes {
  /** Files that are new or differ from the commit. */
  readonly changed: readonly string[]
  /** Files of the commit that are missing. */
  readonly deleted: readonly string[]
  /** Files that are in no commit because Git ignores them. A path that ends with `/` is a folder. */
  readonly ignored: readonly string[]
  /** Files of the commit that this checkout leaves out: a sparse checkout, or a submodule that is not initialised. */
  readonly absent: readonly string[]
}

export interface Restored {
  readonly written: readonly string[]
  readonly removed: readonly string[]
}
