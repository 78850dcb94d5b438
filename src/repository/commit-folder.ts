import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext } from '../core/index.js'
import { temporaryFolder } from '../store/index.js'
import { configurationIn } from './compose.js'
import type { Configuration } from './config/index.js'
import type { Git } from './git/index.js'
import { hostConfigurationPaths } from './layout.js'

/** The files of a project as a commit has them. Dispose of it to remove the folder. */
export interface CommitFolder extends AsyncDisposable {
  /** The project's folder. */
  readonly root: string
  /** Loads the configuration, and writes the schema that it names. @throws `invalid-config`. */
  configuration(): Promise<Configuration>
}

// What decides the rows and the gate. Code of another commit is written to be compared, and is never run.
export const comparedPaths = ['dataset', 'prompts', 'mlops', ...hostConfigurationPaths]

/** Whether a path is one of `comparedPaths`, or below one. */
export const isCompared = (path: string): boolean => comparedPaths.includes(path.split('/', 1)[0]!)

/**
 * Writes the data, prompts and settings of a commit into a temporary folder.
 *
 * @param project the project's folder below the repository's root; empty if it is the root.
 * @throws `repository-invalid` if this clone does not have the commit.
 */
export async function commitFolder(
  git: Git,
  { commit, project }: { readonly commit: string; readonly project: string },
  context: CallContext,
): Promise<CommitFolder> {
  const folder = await temporaryFolder('sheikh-commit-')
  const remove = () => rm(folder, { recursive: true, force: true })
  const below = (path: string) => (project === '' ? path : `${project}/${path}`)
  const root = join(folder, project)
  try {
    await git.writeFiles(commit, comparedPaths.map(below), folder, context)
  } catch (error) {
    await remove()
    throw error
  }
  return {
    root,
    async configuration() {
      const configuration = await configurationIn(root, context)
      const { schemaPath, samples } = configuration.dataset
      const others = [schemaPath, samples?.directory].flatMap((path) =>
        path === undefined || isCompared(path) ? [] : [below(path)],
      )
      if (others.length > 0) await git.writeFiles(commit, others, folder, context)
      return configuration
    },
    [Symbol.asyncDispose]: remove,
  }
}
