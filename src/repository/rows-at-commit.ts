import type { CallContext } from '../core/index.js'
import type { DescribedRow, RowIdentity } from '../dataset/index.js'
import { commitFolder } from './commit-folder.js'
import type { Composition } from './compose.js'
import type { Git } from './git/index.js'

/**
 * The training rows of a project as they stood in a commit.
 *
 * @param project its folder below the repository's root; empty where it is the root.
 * @throws `repository-invalid` where the commit is not here; as a run of then.
 */
export async function rowsAtCommit(
  git: Git,
  { datasetAt }: Pick<Composition, 'datasetAt'>,
  place: { readonly commit: string; readonly project: string },
  context: CallContext,
): Promise<readonly RowIdentity[]> {
  await using folder = await commitFolder(git, place, context)
  return (await (await folder.dataset(datasetAt)).snapshot(context)).trainingRows
}

/**
 * All rows of a project in a commit, with their labels.
 *
 * @throws as `rowsAtCommit`.
 */
export async function labelsAtCommit(
  git: Git,
  { datasetAt }: Pick<Composition, 'datasetAt'>,
  place: { readonly commit: string; readonly project: string },
  context: CallContext,
): Promise<readonly DescribedRow[]> {
  await using folder = await commitFolder(git, place, context)
  return (await (await folder.dataset(datasetAt)).contents(context)).rows
}
