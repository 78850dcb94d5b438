// Files that samples name. Their digests are kept by their stamps, and by Git's names of their contents, as those of sample
// files are: a run on unchanged files reads none of them.
import { basename, resolve } from 'node:path'
import { type CallContext, type Digest, digestJson, plainPath, SheikhError } from '../../core/index.js'
import { statCache } from '../../store/index.js'
import type { DatasetContext } from '../dataset-types.js'
import type { LargeFiles } from '../sources/large-files.js'
import { FileProblem } from './digest-file.js'
import type { FilePlace, FoundFiles, KnownFile } from './file-place.js'
import { FilesInTree, type FileTree } from './files-in-tree.js'
import { FilesOnDisk } from './files-on-disk.js'
import { namedPaths, pathProblem } from './named-paths.js'

/** Files that samples name, such as images. Their content is part of the identity of a row. */
export interface NamedFilesOptions {
  /** The folder that the paths in samples are relative to, such as `dataset`. */
  readonly directory: string
  /**
   * Fields of a sample with a path or a list of paths: `image`, or `messages.image` for a field within another, or within
   * each object of a list.
   */
  readonly fields: readonly string[]
  /** Names of the contents of files by path below `directory`, such as Git's blob ids. @default none */
  readonly contentIds?: ((context: CallContext) => Promise<ReadonlyMap<string, string>>) | undefined
  /** Gets files of Git LFS that the checkout has pointers to. @default a pointer is an error */
  readonly largeFiles?: LargeFiles | undefined
}

/** The same for files of a tree. */
export interface TreeFilesOptions extends NamedFilesOptions {
  /** @default the files are in `directory` */
  readonly tree?: FileTree | undefined
}

/** Digests by the path that a sample has. */
export type FileDigests = Readonly<Record<string, Digest>>

// Raise this when the same content leads to another digest or is checked differently.
const digestVersion = 1

/** Checks options. @throws `invalid-options`. */
export function checkNamedFiles({ directory, fields }: NamedFilesOptions): void {
  plainPath(directory, 'the directory of files that samples name')
  if (fields.length === 0 || fields.some((field) => typeof field !== 'string' || field === ''))
    throw new SheikhError(
      'invalid-options',
      'Cannot make a dataset: "files" names no fields, or an empty one. Name the fields of samples that contain paths, such as "image".',
    )
}

export async function openNamedFiles(options: TreeFilesOptions, context: DatasetContext): Promise<NamedFiles> {
  const { fields, tree } = options
  const root = resolve(tree?.directory ?? options.directory)
  const name = `dataset-files-${digestJson({ root, fields: [...fields] }).slice(-16)}`
  const documents = tree === undefined ? context.cache : tree.documents
  const cache = documents && (await statCache<KnownFile>(documents, name, digestJson(digestVersion), context))
  const place =
    tree === undefined
      ? new FilesOnDisk(root, options, cache, context)
      : new FilesInTree(root, { ...options, tree }, cache, context)
  return new NamedFiles(basename(root), fields, place)
}

/** The files that the samples of a dataset name, during one or more reads of the samples. */
export class NamedFiles {
  readonly #folder: string
  readonly #fields: readonly string[]
  readonly #place: FilePlace
  readonly #fieldsSeen = new Set<string>()

  /** @param folder its name in errors. */
  constructor(folder: string, fields: readonly string[], place: FilePlace) {
    this.#folder = folder
    this.#fields = fields
    this.#place = place
  }

  /** The digests of the files that a sample names; `undefined` if it names none. What is wrong with them is returned as text. */
  async digestsOf(sample: unknown): Promise<FileDigests | readonly string[] | undefined> {
    const named = namedPaths(sample, this.#fields)
    if (typeof named === 'string') return [named]
    if (named.length === 0) return undefined
    const found: (readonly [string, Digest] | string)[] = []
    const waiting: Promise<void>[] = []
    for (const [index, { field, path }] of named.entries()) {
      this.#fieldsSeen.add(field)
      const refuse = (error: unknown) => {
        if (!(error instanceof FileProblem)) throw error
        const shown = JSON.stringify(`${this.#folder}/${path}`)
        found[index] = `${shown} in the field ${JSON.stringify(field)} ${error.message}`
      }
      const take = (digest: Digest) => {
        found[index] = [path, digest]
      }
      try {
        const digest = this.#digestOf(path)
        if (typeof digest === 'string') take(digest)
        else waiting.push(digest.then(take, refuse))
      } catch (error) {
        refuse(error)
      }
    }
    if (waiting.length > 0) await Promise.all(waiting)
    const problems = found.filter((one) => typeof one === 'string')
    return problems.length > 0 ? problems : Object.fromEntries(found as readonly (readonly [string, Digest])[])
  }

  /** Whether files still have these digests. */
  async have(digests: FileDigests): Promise<boolean> {
    try {
      for (const [path, digest] of Object.entries(digests)) {
        const found = this.#digestOf(path)
        if ((typeof found === 'string' ? found : await found) !== digest) return false
      }
      return true
    } catch (error) {
      // Reading the sample again tells the problem with its place.
      if (error instanceof FileProblem) return false
      throw error
    }
  }

  /** @throws `dataset-invalid` for a field in which no sample that was read names a file, such as a misspelled one. */
  refuseUnusedFields(): void {
    const unused = this.#fields.filter((field) => !this.#fieldsSeen.has(field))
    if (unused.length === 0) return
    const names = unused.map((field) => JSON.stringify(field)).join(', ')
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the dataset: no sample names a file in ${unused.length === 1 ? 'the field' : 'the fields'} ${names}. Correct "files", or the samples.`,
      { facts: { fields: unused } },
    )
  }

  /** A digest over the names and stamps of the files that the last scan read, if all are as they were then. */
  known(): Digest | undefined {
    return this.#place.known()
  }

  /** Keeps what was found out. @returns the digest that `known` returns while nothing changes; `undefined` if a change might not show. */
  save(): Promise<Digest | undefined> {
    return this.#place.save()
  }

  /** The files whose digests were asked for. Empty without `largeFiles`, and for files that are not on disk. */
  get found(): FoundFiles {
    return this.#place.found
  }

  #digestOf(written: string): Digest | Promise<Digest> {
    const wrong = pathProblem(written)
    if (wrong !== undefined) throw new FileProblem(wrong)
    return this.#place.digestOf(written)
  }
}
