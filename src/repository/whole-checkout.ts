import { type CallContext, SheikhError } from '../core/index.js'
import type { Composition } from './compose.js'
import type { Git } from './git/index.js'
import { pathsRead } from './provenance.js'

/**
 * Refuses a checkout that lacks files which a run reads. Otherwise samples that nobody deleted would count as deleted.
 *
 * @param act to follow "Cannot": `plan a run`.
 * @throws `repository-dirty`.
 */
export async function refuseIncomplete(
  act: string,
  project: { readonly git: Git; readonly root: string },
  composition: Pick<Composition, 'configuration' | 'source'>,
  context: CallContext,
): Promise<void> {
  const paths = pathsRead(project, composition, { files: [], workspaceFiles: [] })
  const absent = await project.git.absent(paths, context)
  if (absent.length === 0) return
  const named = `${absent.slice(0, 5).join(', ')}${absent.length > 5 ? ', …' : ''}`
  throw new SheikhError(
    'repository-dirty',
    `Cannot ${act}: this checkout leaves out files that a run reads (${named}). Fetch them: git sparse-checkout disable, or git submodule update --init`,
    { facts: { paths: absent } },
  )
}
