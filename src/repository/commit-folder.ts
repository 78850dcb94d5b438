import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { CallContext } from '../core/index.js'
import { type Dataset, type FileTree, isSampleFile } from '../dataset/index.js'
import { temporaryFolder } from '../store/index.js'
import { commitFiles } from './commit-files.js'
import { configurationIn } from './compose.js'
import type { Configuration } from './config/index.js'
import type { Git, TreeEntry } from './git/index.js'
import { datasetPaths, filesPath, hostConfigurationPaths, samplesPath } from './layout.js'

/** The files of a project as a commit has them. Dispose of it to remove the folder. */
export interface CommitFolder extends AsyncDisposable {
  /** The project's folder. */
  readonly root: string
  /** Loads the configuration, and writes the schema that it names. @throws `invalid-config`. */
  configuration(): Promise<Configuration>
  /** Writes files of `Git.tree`. */
  write(entries: readonly TreeEntry[]): Promise<void>
  /** Writes the samples. */
  complete(configuration: Configuration): Promise<void>
  /** The files that samples name. `undefined`: they name none, or `complete` writes the files. */
  files(configuration: Configuration): Promise<FileTree | undefined>
  /** The dataset, with its samples written. @param make as `Composition.datasetAt`. */
  dataset(make: MakeDataset): Promise<Dataset<unknown, unknown>>
}

export interface CommitPlace {
  readonly commit: string
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly project: string
}

/** The dataset of the files in another folder, such as those of a commit. */
export type MakeDataset = (
  root: string,
  configuration: Configuration,
  files: FileTree | undefined,
) => Dataset<unknown, unknown>

// What decides the rows and the gate, without the samples. Code of another commit is written to be compared, and is never run.
const writtenPaths = [...datasetPaths, 'prompts', 'mlops', ...hostConfigurationPaths]

/**
 * Writes the prompts and settings of a commit into a temporary folder. Files that samples name are not written, but read
 * from Git, unless attributes of the commit may change them in a checkout.
 *
 * @throws `repository-invalid` if this clone does not have the commit.
 */
export async function commitFolder(
  git: Git,
  { commit, project }: CommitPlace,
  context: CallContext,
): Promise<CommitFolder> {
  const below = (path: string) => (project === '' ? path : `${project}/${path}`)
  const folder = await temporaryFolder('sheikh-commit-')
  const root = join(folder, project)
  const blobs = git.openBlobs(context)
  const remove = async () => {
    await blobs[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  const writeFiles = (paths: readonly string[]) => git.writeFiles(commit, paths.map(below), folder, context)
  const write = (entries: readonly TreeEntry[]) => git.writeEntries(commit, entries, folder, context)
  try {
    await writeFiles(writtenPaths)
  } catch (error) {
    await remove()
    throw error
  }
  let tree: Promise<FileTree | undefined> | undefined
  const made: CommitFolder = {
    root,
    write,
    async configuration() {
      const configuration = await configurationIn(root, context)
      const { schemaPath } = configuration.dataset
      if (schemaPath === undefined || existsSync(join(root, schemaPath))) return configuration
      // A path that is relative to `dataset/` is only found if the schema exists.
      await writeFiles(['', 'dataset'].map((start) => relative(root, resolve(root, start, schemaPath))))
      return configurationIn(root, context)
    },
    async complete(configuration) {
      const { directory = samplesPath } = configuration.dataset.samples ?? {}
      const entries = [...(await git.tree(commit, [below(directory)])).values()]
      if (configuration.dataset.files === undefined) return write(entries)
      if ((await made.files(configuration)) !== undefined)
        return write(entries.filter(({ path }) => isSampleFile(path)))
      const all = await git.tree(commit, [below(filesPath)])
      await write([...entries.filter(({ path }) => !all.has(path)), ...all.values()])
    },
    async files(configuration) {
      if (configuration.dataset.files === undefined) return undefined
      tree ??= commitFiles(git, { commit, folder: below(filesPath), blobs })
      return tree
    },
    async dataset(make) {
      const configuration = await made.configuration()
      await made.complete(configuration)
      return make(root, configuration, await made.files(configuration))
    },
    [Symbol.asyncDispose]: remove,
  }
  return made
}
