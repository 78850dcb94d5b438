import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { SheikhError } from '../core/index.js'

/**
 * Refuses paths below `root` that are symbolic links, or lie behind one. Git keeps where a link leads and not what is
 * there: the tree would be clean, and a run would read what no commit holds.
 *
 * @throws `invalid-config`.
 */
export async function refuseLinks(root: string, paths: readonly string[]): Promise<void> {
  const steps = paths.flatMap((path) => {
    const names = path.split('/').filter((name) => name !== '' && name !== '.')
    return names.map((_, index) => names.slice(0, index + 1).join('/'))
  })
  for (const path of new Set(steps)) {
    const stats = await lstat(join(root, path)).catch(() => undefined)
    if (stats?.isSymbolicLink())
      throw new SheikhError(
        'invalid-config',
        `Cannot use "${path}": it is a symbolic link, so no commit contains the content that a run would read. Replace the link with the folder or file itself.`,
        { facts: { file: path } },
      )
  }
}
