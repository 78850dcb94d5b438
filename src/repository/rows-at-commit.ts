import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallContext } from '../core/index.js'
import type { RowIdentity } from '../dataset/index.js'
import { datasetOf } from './compose.js'
import { loadConfiguration } from './config/index.js'
import type { Git } from './git/index.js'

/** What decides the rows. No `sheikh.config.ts`: code of another day is never run. */
const dataPaths = ['dataset', 'prompts', 'mlops']

/**
 * The training rows of a project as they stood in a commit.
 *
 * @param project its folder below the repository's root; empty where it is the root.
 * @throws `repository-invalid` where the commit is not here; as a run of then.
 */
export async function rowsAtCommit(
  git: Git,
  { commit, project }: { readonly commit: string; readonly project: string },
  context: CallContext,
): Promise<readonly RowIdentity[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-rows-'))
  try {
    const below = (path: string) => (project === '' ? path : `${project}/${path}`)
    const root = join(folder, project)
    await git.writeFiles(commit, dataPaths.map(below), folder, context)
    const configuration = await loadConfiguration(root, context)
    const { schemaPath } = configuration.dataset
    if (schemaPath !== undefined) await git.writeFiles(commit, [below(schemaPath)], folder, context)
    return (await datasetOf(root, configuration).snapshot(context)).trainingRows
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
