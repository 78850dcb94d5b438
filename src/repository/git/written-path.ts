import { sep } from 'node:path'
import { checkedPath, SheikhError } from '../../core/index.js'

/**
 * The path of a file of a commit, before the file is written below a folder. Any name that this system allows is fine, as
 * in a checkout.
 *
 * @throws `artifact-corrupt` for a path that leaves the folder; on Windows also for a name that Windows refuses.
 */
export function writtenPath(path: string): string {
  // Only on Windows.
  if (sep === '\\') return checkedPath(path)
  if (path.split('/').some((segment) => ['', '.', '..', '.git'].includes(segment.toLowerCase())))
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot write the file ${JSON.stringify(path)} of a commit: its path leaves the folder, or names a repository. Do not use this commit.`,
      { facts: { path } },
    )
  return path
}
