import { join } from 'node:path'
import type { CallContext } from '../../core/index.js'
import { type FileTree, listedSampleFiles, type NamedState, type UnchangedFiles } from '../../dataset/index.js'
import type { DocumentStore } from '../../store/index.js'
import { attributesFor, isAttributes, isSubmodule, mayConvert } from '../commit-files.js'
import { type CommitPlace, commitFolder } from '../commit-folder.js'
import { configurationIn, type DataAccess, datasetOf, largeFilesOf, samplesOf } from '../compose.js'
import type { Configuration } from '../config/index.js'
import type { Git, TreeChange, TreeEntry } from '../git/index.js'
import { filesPath, samplesPath } from '../layout.js'

/** A state of a project: its files in a folder, without the samples until they are needed. */
export interface ComparedState extends AsyncDisposable {
  /** The project's folder. */
  readonly root: string
  /** @throws `invalid-config`. */
  configuration(): Promise<Configuration>
  /** The dataset with the names of its files' contents. `undefined` if equal names may stand for different contents. */
  named(configuration: Configuration): Promise<NamedState | undefined>
  /** Writes what is missing of the samples below `root`. */
  complete(configuration: Configuration): Promise<void>
  /** The files that samples name. `undefined`: they name none, or the files are below `root`. */
  files(configuration: Configuration): Promise<FileTree | undefined>
}

export interface ComparedPlace extends CommitPlace {
  /** The project's folder in the work tree, whose caches know rows. */
  readonly workTree: string
  /** The caches. */
  readonly cache?: DocumentStore | undefined
  /** Digests of files that samples name, which both states can share. */
  readonly digests?: FileTree['digests'] | undefined
  readonly access: DataAccess
  /**
   * Finds the files below some paths that differ from those of the other commit. Then the source of `named` lists only these.
   * @default all files are listed
   */
  readonly changes?: ((paths: readonly string[]) => Promise<ReadonlyMap<string, TreeChange>>) | undefined
}

/** The files as they are now. */
export function workTreeState(root: string, access: DataAccess, context: CallContext): ComparedState {
  return {
    root,
    configuration: () => configurationIn(root, context),
    async named(configuration) {
      if (!areFilesAlone(configuration)) return undefined
      const source = samplesOf(root, configuration, access, { isWorkTree: true })
      return { dataset: datasetOf(root, configuration, access, { source, isWorkTree: true }) }
    },
    async complete() {},
    async files() {
      return undefined
    },
    async [Symbol.asyncDispose]() {},
  }
}

/**
 * The files of a commit. Code of the commit is written to be compared, and is never run.
 *
 * @throws `repository-invalid` if this clone does not have the commit.
 */
export async function commitState(
  git: Git,
  { commit, project, workTree, cache, digests = new Map(), access, changes: changesOf }: ComparedPlace,
  context: CallContext,
): Promise<ComparedState> {
  const below = (path: string) => (project === '' ? path : `${project}/${path}`)
  const folder = await commitFolder(git, { commit, project }, context)
  const { root } = folder
  const filesOf = async (configuration: Configuration) => {
    const files = await folder.files(configuration)
    return files && { ...files, directory: join(workTree, filesPath), documents: cache, digests }
  }
  return {
    root,
    configuration: () => folder.configuration(),
    complete: (configuration) => folder.complete(configuration),
    files: filesOf,
    async named(configuration) {
      const tree = await filesOf(configuration)
      if (!areFilesAlone(configuration) || (configuration.dataset.files !== undefined && tree === undefined))
        return undefined
      const { samples, csv } = configuration.dataset
      const { directory = samplesPath, pattern } = samples ?? {}
      const place = below(directory)
      const listed = [place, ...attributesFor(place)]
      const changes = await changesOf?.(listed)
      const files = new Map(changes === undefined ? await git.tree(commit, listed) : entriesBefore(changes))
      if (changes === undefined) {
        if (await mayConvert(git, [...files.values()])) return undefined
      } else if ([...changes.keys()].some(isAttributes)) return undefined
      const start = place.length + 1
      const ids = new Map<string, string>()
      for (const entry of files.values()) {
        if (isSubmodule(entry)) return undefined
        // Links are left out. The folder may be a file, and attributes may be above it.
        if (entry.mode !== '120000' && entry.path.startsWith(`${place}/`)) ids.set(entry.path.slice(start), entry.oid)
      }
      const options = { directory: join(root, directory), pattern, csv, contentIds: async () => ids }
      const sourceOf = (paths: readonly string[]) => ({
        ...listedSampleFiles({ ...options, largeFiles: largeFilesOf(access) }, paths),
        location: join(workTree, directory),
      })
      const unchanged = async (): Promise<UnchangedFiles | undefined> => {
        const all = await git.treeFiles(commit, listed)
        const special: TreeEntry[] = []
        all.visit((path, oid, mode) => {
          if (mode === '160000' || isAttributes(path)) special.push({ path, oid, mode })
        })
        if (special.some(isSubmodule) || (await mayConvert(git, special))) return undefined
        return {
          visit: (take) =>
            all.visit((path, oid, mode) => {
              if (mode !== '120000' && path.startsWith(`${place}/`) && !changes!.has(path)) take(path.slice(start), oid)
            }),
          source(paths) {
            const wanted = new Set(paths)
            all.visit((path, oid, mode) => {
              if (wanted.has(path.slice(start))) files.set(path, { path, oid, mode })
            })
            return sourceOf(paths)
          },
        }
      }
      return {
        dataset: datasetOf(root, configuration, access, { source: sourceOf([...ids.keys()]), tree }),
        ...(changes !== undefined && { unchanged }),
        prepare: (paths) => folder.write(paths.map((path) => files.get(`${place}/${path}`)!)),
      }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** Whether rows come from sample files, without the Hub and without features, which other files decide. */
const areFilesAlone = ({ dataset }: Configuration) => dataset.hub === undefined && dataset.features === undefined

const entriesBefore = (changes: ReadonlyMap<string, TreeChange>): ReadonlyMap<string, TreeEntry> =>
  new Map([...changes].flatMap(([path, { before }]) => (before === undefined ? [] : [[path, before]])))
