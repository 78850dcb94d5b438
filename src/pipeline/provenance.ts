import { SheikhError } from '../core/index.js'
import type { RunOptions } from './options.js'
import type { Session } from './session.js'

/** Writes down the commit that the work comes from. @throws `repository-dirty`. */
export async function recordProvenance(session: Session, { allowDirty = false }: RunOptions): Promise<void> {
  const { commit, dirtyPaths } = (await session.options.provenance?.(session.context)) ?? { dirtyPaths: [] }
  const dirty = dirtyPaths.length > 0
  if (dirty && !allowDirty)
    throw new SheikhError(
      'repository-dirty',
      `Cannot run: ${dirtyPaths.length} file${dirtyPaths.length === 1 ? '' : 's'} that a run reads differ${dirtyPaths.length === 1 ? 's' : ''} from the commit (${dirtyPaths.slice(0, 5).join(', ')}${dirtyPaths.length > 5 ? ', …' : ''}). Commit them, or allow a dirty run, which points no channel.`,
      { facts: { paths: dirtyPaths.slice(0, 100) } },
    )
  await session.update({ commit, dirty })
}
