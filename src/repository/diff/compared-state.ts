import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { CallContext } from '../../core/index.js'
import { listedSampleFiles, type NamedState, type UnchangedFiles } from '../../dataset/index.js'
import { temporaryFolder } from '../../store/index.js'
import { comparedPaths, isCompared } from '../commit-folder.js'
import { configurationIn, type DataAccess, datasetOf, largeFilesOf, samplesOf } from '../compose.js'
import type { Configuration } from '../config/index.js'
import type { Git, TreeChange, TreeEntry, TreeItem } from '../git/index.js'
import { samplesPath } from '../layout.js'

/** A state of a project: its files in a folder, without the samples until they are needed. */
export interface ComparedState extends AsyncDisposable {
  /** The project's folder. */
  readonly root: string
  /** @throws `invalid-config`. */
  configuration(): Promise<Configuration>
  /** The dataset with the names of its files' contents. `undefined` if equal names may stand for different contents. */
  named(configuration: Configuration): Promise<NamedState | undefined>
  /** Writes what is missing of the samples below `root`. */
  complete(configuration?: Configuration): Promise<void>
}

export interface CommitPlace {
  readonly commit: string
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly project: string
  /** The project's folder in the work tree, whose caches know rows. */
  readonly workTree: string
  readonly access: DataAccess
  /** The commit of the other state. Then the source of `named` lists only the files that differ. @default all files are listed */
  readonly other?: string | undefined
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
  { commit, project, workTree, access, other }: CommitPlace,
  context: CallContext,
): Promise<ComparedState> {
  const below = (path: string) => (project === '' ? path : `${project}/${path}`)
  const folder = await temporaryFolder('sheikh-commit-')
  const remove = () => rm(folder, { recursive: true, force: true })
  const root = join(folder, project)
  const write = (entries: readonly TreeEntry[]) => git.writeEntries(commit, entries, folder, context)
  const filesIn = async (path: string) => [...(await git.tree(commit, [below(path)])).values()]
  const dataset = below(samplesPath).split('/').slice(0, -1).join('/')
  try {
    const paths = comparedPaths.map(below).filter((path) => path !== dataset)
    const items = (await itemsIn(git, commit, dataset))?.filter(({ path }) => path !== basename(samplesPath))
    const isLong = items === undefined || items.length > mostItems
    const beside = isLong ? [dataset] : items.map(({ path }) => `${dataset}/${path}`)
    await git.writeFiles(commit, [...paths, ...beside], folder, context)
  } catch (error) {
    await remove()
    throw error
  }
  let isComplete = false
  const state: ComparedState = {
    root,
    async configuration() {
      const configuration = await configurationIn(root, context)
      const { schemaPath } = configuration.dataset
      if (schemaPath === undefined || existsSync(join(root, schemaPath))) return configuration
      await git.writeFiles(commit, [below(schemaPath)], folder, context)
      if (existsSync(join(root, schemaPath)) || isComplete) return configuration
      // The schema may be between the samples.
      await state.complete()
      return state.configuration()
    },
    async named(configuration) {
      if (!areFilesAlone(configuration)) return undefined
      const { samples, csv } = configuration.dataset
      const { directory = samplesPath, pattern } = samples ?? {}
      const place = below(directory)
      const listed = [place, ...attributesFor(place)]
      const changes = other === undefined ? undefined : await git.treeChanges(commit, other, listed)
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
        dataset: datasetOf(root, configuration, access, { source: sourceOf([...ids.keys()]) }),
        ...(changes !== undefined && { unchanged }),
        prepare: (paths) => write(paths.map((path) => files.get(`${place}/${path}`)!)),
      }
    },
    async complete(configuration) {
      const directory = configuration?.dataset.samples?.directory
      if (!isComplete) await write(await filesIn(samplesPath))
      isComplete = true
      if (directory !== undefined && !isCompared(directory)) await write(await filesIn(directory))
    },
    [Symbol.asyncDispose]: remove,
  }
  return state
}

/** Whether rows come from sample files, without the Hub and without features, which other files decide. */
const areFilesAlone = ({ dataset }: Configuration) => dataset.hub === undefined && dataset.features === undefined

const entriesBefore = (changes: ReadonlyMap<string, TreeChange>): ReadonlyMap<string, TreeEntry> =>
  new Map([...changes].flatMap(([path, { before }]) => (before === undefined ? [] : [[path, before]])))

const isSubmodule = (entry: TreeEntry | undefined) => entry?.mode === '160000'
const isAttributes = (path: string) => path === '.gitattributes' || path.endsWith('/.gitattributes')

/** The paths above a folder that a file of attributes may have. */
const attributesFor = (place: string) => {
  const names = place.split('/')
  return names.map((_, index) => [...names.slice(0, index), '.gitattributes'].join('/'))
}

/** Of a folder, that are named one by one. */
const mostItems = 100

/** One level of a folder of a commit. `undefined` if there is no such folder. */
async function itemsIn(git: Git, commit: string, folder: string): Promise<readonly TreeItem[] | undefined> {
  let items = await git.readTree(commit)
  for (const name of folder.split('/')) {
    const item = items.find(({ path, type }) => path === name && type === 'tree')
    if (item === undefined) return undefined
    items = await git.readTree(item.oid)
  }
  return items
}

/** Attributes by which a checkout may give the same blob another content (gitattributes(5)). */
const converting = /filter|ident|working-tree-encoding|\[attr\]|eol|crlf/

/** Whether attributes may change what files of a commit are in a checkout. */
async function mayConvert(git: Git, files: readonly TreeEntry[]): Promise<boolean> {
  for (const { path, oid } of files)
    if (isAttributes(path) && converting.test(Buffer.from(await git.readBlob(oid)).toString('latin1'))) return true
  return false
}
