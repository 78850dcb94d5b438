import { type BigIntStats, type Dirent, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type CallContext, messageOf, SheikhError } from '../../core/index.js'
import { type DatasetIssue, issuesError, maximumIssues } from '../issues.js'

export interface FoundFile {
  /** Below the root, with `/`. */
  readonly path: string
  readonly stats: BigIntStats
}

// The calls are synchronous (twenty times faster than one promise a file), so the event loop gets its turn this often.
const filesPerTurn = 1000

/**
 * The regular files below a folder that `wanted` takes, sorted by path. What begins with a dot is not there.
 *
 * @throws `dataset-invalid` for a folder that cannot be read, a symbolic link anywhere, or a special file that is wanted.
 */
export async function walk(
  root: string,
  wanted: (path: string) => boolean,
  { signal }: CallContext,
): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = []
  const issues: DatasetIssue[] = []
  const folders = ['']
  let seen = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(root, folder)) {
      if (entry.name.startsWith('.')) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) folders.push(path)
      // A link may lead out of the tree, where nothing is versioned; none is followed, so that nobody has to prove where it ends.
      else if (entry.isSymbolicLink())
        issues.push({ path, position: '', message: 'it is a symbolic link; put the file itself there' })
      else if (!wanted(path)) continue
      else if (!entry.isFile()) issues.push({ path, position: '', message: 'it is not a regular file' })
      else {
        const stats = lstatSync(join(root, path), { bigint: true, throwIfNoEntry: false })
        if (stats?.isFile()) found.push({ path, stats })
      }
      seen += 1
      if (seen % filesPerTurn === 0) await setImmediate()
      signal.throwIfAborted()
      if (issues.length >= maximumIssues) throw issuesError(issues)
    }
  }
  if (issues.length > 0) throw issuesError(issues)
  return found.sort((left, right) => (left.path < right.path ? -1 : 1))
}

function entriesOf(root: string, folder: string): readonly Dirent[] {
  const path = join(root, folder)
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const fact = code === 'ENOENT' ? 'it does not exist' : code === 'ENOTDIR' ? 'it is not a folder' : messageOf(error)
    throw new SheikhError(
      'dataset-invalid',
      `Cannot read samples from the folder ${JSON.stringify(path)}: ${fact}. Make it, or name another source.`,
      { facts: { path }, cause: error },
    )
  }
}
