import { join } from 'node:path'
import { type CallContext, type Digest, Slots } from '../../core/index.js'
import {
  type DocumentStore,
  isSettled,
  type LfsPointer,
  lfsPointerOf,
  maximumPointerBytes,
  nanosecondsOf,
  type StatCache,
} from '../../store/index.js'
import { CheckedContent, FileProblem, stampOfFile } from './digest-file.js'
import {
  contentIdOf,
  digestIn,
  type FilePlace,
  type FoundFiles,
  fetchPointed,
  hashedAtOnce,
  type KnownFile,
} from './file-place.js'
import { FolderNames, type NamedEntry } from './folder-names.js'
import type { NamedFilesOptions } from './named-files.js'

/** Files that are not on disk, such as those of a commit. */
export interface FileTree {
  /** Where the work tree has such files. */
  readonly directory: string
  /** Calls `take` for everything below the folder that is not a folder itself, with a name of its content. */
  visit(take: (path: string, id: string, kind: 'file' | 'link') => void): void
  /** Reads the content of a file. `take` gets its pieces in order, which are valid during the call. */
  read(id: string, take: (piece: Uint8Array, sizeBytes: number) => void): Promise<void>
  /** Knows digests of files below `directory` from earlier runs. Is not changed. @default nothing is known */
  readonly documents?: DocumentStore | undefined
  /** Digests by content and path, which trees with common files can share. */
  readonly digests: Map<string, KnownFile>
}

/** Reading one file takes as long as the programs of Git need to compare so many files of the work tree with its index. */
const comparedPerRead = 1000

/**
 * The files of a tree. A content is read only if nothing knows its digest: neither an earlier run, by Git's name of the
 * content, nor the work tree, if it has the same file.
 */
export class FilesInTree implements FilePlace {
  readonly found: FoundFiles = new Map()
  readonly #root: string
  readonly #options: NamedFilesOptions
  readonly #tree: FileTree
  readonly #cache: StatCache<KnownFile> | undefined
  readonly #context: CallContext
  readonly #slots = new Slots(hashedAtOnce)
  readonly #digests = new Map<string, Digest | Promise<Digest>>()
  #listed: { readonly names: FolderNames; readonly ids: ReadonlyMap<string, string> } | undefined
  #missed = 0
  #contentIds: Promise<{ readonly ids: ReadonlyMap<string, string>; readonly atNs: bigint }> | undefined

  /** @param root where the work tree has the files. */
  constructor(
    root: string,
    options: NamedFilesOptions & { readonly tree: FileTree },
    cache: StatCache<KnownFile> | undefined,
    context: CallContext,
  ) {
    this.#root = root
    this.#options = options
    this.#tree = options.tree
    this.#cache = cache
    this.#context = context
  }

  digestOf(written: string): Digest | Promise<Digest> {
    const known = this.#digests.get(written)
    if (known !== undefined) return known
    const found = this.#find(written)
    this.#digests.set(written, found)
    return found
  }

  /** Files that are not on disk have no stamps. */
  known(): undefined {
    return undefined
  }

  async save(): Promise<undefined> {}

  #find(written: string): Digest | Promise<Digest> {
    this.#listed ??= listTree(this.#tree)
    const { names, ids } = this.#listed
    const named = names.find(written)
    if ('problem' in named) throw new FileProblem(named.problem)
    const path = named.found
    const id = ids.get(path)!
    const kept = this.#usable(this.#cache?.find(path, id) ?? this.#tree.digests.get(`${id} ${path}`))
    return kept === undefined ? this.#digestNow(path, id, ids.size) : digestIn(kept)
  }

  /** A pointer is an error without `largeFiles`, whatever is known of its file. */
  #usable(known: KnownFile | undefined): KnownFile | undefined {
    return this.#options.largeFiles === undefined && typeof known === 'object' ? undefined : known
  }

  /** @param size number of files in the tree. */
  async #digestNow(path: string, id: string, size: number): Promise<Digest> {
    const known = this.#usable(await this.#ofWorkTree(path, id, size)) ?? (await this.#read(path, id))
    this.#tree.digests.set(`${id} ${path}`, known)
    return digestIn(known)
  }

  /** What is known of the file in the work tree, if it has this content. */
  async #ofWorkTree(path: string, id: string, size: number): Promise<KnownFile | undefined> {
    const { contentIds } = this.#options
    this.#missed += 1
    const isWorthwhile = this.#missed * comparedPerRead >= size
    if (this.#cache === undefined || contentIds === undefined || !isWorthwhile) return undefined
    const nowNs = nanosecondsOf(this.#context.clock.nowMs())
    this.#contentIds ??= contentIds(this.#context).then((ids) => ({ ids, atNs: nowNs }))
    const { ids, atNs } = await this.#contentIds
    return ids.get(path) === id ? this.#keptOfWorkTree(path, atNs) : undefined
  }

  #keptOfWorkTree(path: string, atNs = nanosecondsOf(this.#context.clock.nowMs())): KnownFile | undefined {
    const stamp = stampOfFile(join(this.#root, path))
    return stamp !== undefined && isSettled(stamp.changedAtNs, atNs) ? this.#cache?.get(path, stamp) : undefined
  }

  async #read(path: string, id: string): Promise<KnownFile> {
    const { largeFiles } = this.#options
    const read = await this.#slots.use(() => this.#readBlob(path, id))
    if (typeof read === 'string') return read
    const { oid, sizeBytes = -1, isComplete } = read
    const kept = isComplete ? this.#cache?.find(path, contentIdOf(oid, sizeBytes)) : undefined
    if (kept !== undefined) return kept
    // The digest of a file is the SHA-256 of its bytes, or of the same text with other line endings.
    const digest: Digest = `sha256:${oid}`
    if (isComplete && this.#keptOfWorkTree(path) === digest) return { digest, oid, sizeBytes }
    const hash = (work: () => Promise<Digest>) => this.#slots.use(work)
    return fetchPointed(path, read, { root: this.#root, largeFiles: largeFiles!, hash }, this.#context)
  }

  async #readBlob(path: string, id: string): Promise<Digest | LfsPointer> {
    this.#context.signal.throwIfAborted()
    let content: CheckedContent | undefined
    const pieces: Uint8Array[] = []
    await this.#tree.read(id, (piece, sizeBytes) => {
      content ??= new CheckedContent(path, sizeBytes)
      content.update(piece)
      if (sizeBytes <= maximumPointerBytes) pieces.push(Uint8Array.from(piece))
    })
    const pointer = this.#options.largeFiles && lfsPointerOf(Buffer.concat(pieces))
    return pointer ?? (content ?? new CheckedContent(path, 0)).digest()
  }
}

function listTree(tree: FileTree) {
  const ids = new Map<string, string>()
  const folders = new Map<string, NamedEntry[]>([['', []]])
  const entriesOf = (folder: string): NamedEntry[] => {
    const known = folders.get(folder)
    if (known !== undefined) return known
    const made: NamedEntry[] = []
    folders.set(folder, made)
    const at = folder.lastIndexOf('/')
    entriesOf(at < 0 ? '' : folder.slice(0, at)).push({ name: folder.slice(at + 1), kind: 'folder' })
    return made
  }
  tree.visit((path, id, kind) => {
    const at = path.lastIndexOf('/')
    entriesOf(at < 0 ? '' : path.slice(0, at)).push({ name: path.slice(at + 1), kind })
    if (kind === 'file') ids.set(path, id)
  })
  return { names: new FolderNames((folder) => folders.get(folder) ?? []), ids }
}
