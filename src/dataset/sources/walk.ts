import { type Dirent, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type CallContext, messageOf, SheikhError } from '../../core/index.js'
import { type FileStamp, fileStamp } from '../../store/index.js'
import { type DatasetIssue, issuesError, maximumIssues } from '../issues.js'

export interface FoundFile extends FileStamp {
  readonly sizeBytes: number
  /** Path relative to the root, with `/`. */
  readonly path: string
}

// The calls are synchronous (twenty times faster than one promise per file), so the walk yields to the event loop this
// often.
const filesPerTurn = 1000

/** Selects the files of a walk. */
export interface Wanted {
  readonly isWanted: (path: string) => boolean
  /** Whether a file that is not wanted is one of `others`. */
  readonly isMeant: (path: string) => boolean
}

/**
 * Lists the wanted regular files below a folder, and the paths of the others, each sorted by path. Names that begin
 * with a dot are ignored.
 *
 * @throws `dataset-invalid` for a folder that cannot be read, a symbolic link anywhere, or a special file that is wanted.
 */
export async function walk(
  root: string,
  { isWanted, isMeant }: Wanted,
  { signal }: CallContext,
): Promise<{ readonly found: readonly FoundFile[]; readonly others: readonly string[] }> {
  const found: FoundFile[] = []
  const others: string[] = []
  const issues: DatasetIssue[] = []
  const folders = ['']
  let seen = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(root, folder)) {
      if (entry.name.startsWith('.')) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (isUnreadable(root, path)) issues.push({ path, position: '', message: 'its name is not UTF-8; rename it' })
      else if (entry.isDirectory()) folders.push(path)
      // A link may lead out of the tree, where nothing is versioned, so links are never followed.
      else if (entry.isSymbolicLink())
        issues.push({ path, position: '', message: 'it is a symbolic link; replace it with the file itself' })
      else if (!isWanted(path)) {
        if (isMeant(path)) others.push(path)
      } else if (!entry.isFile()) issues.push({ path, position: '', message: 'it is not a regular file' })
      else {
        // Plain concatenation and keeping only the stamp are measurably faster with ten thousand files.
        const stats = lstatSync(`${root}/${path}`, { bigint: true, throwIfNoEntry: false })
        if (stats?.isFile()) {
          const { stamp, changedAtNs } = fileStamp(stats)
          found.push({ path, stamp, changedAtNs, sizeBytes: Number(stats.size) })
        }
      }
      seen += 1
      if (seen % filesPerTurn === 0) await setImmediate()
      signal.throwIfAborted()
      if (issues.length >= maximumIssues) throw issuesError(issues)
    }
  }
  found.sort((left, right) => (left.path < right.path ? -1 : 1))
  issues.push(...clashing(found))
  if (issues.length > 0) throw issuesError(issues)
  return { found, others: others.sort() }
}

/** Node replaces bytes of a name that are not UTF-8 by U+FFFD, and then finds no such file. */
const isUnreadable = (root: string, path: string): boolean =>
  path.includes('\uFFFD') && lstatSync(`${root}/${path}`, { throwIfNoEntry: false }) === undefined

/** Whether a name may equal another one but for case or Unicode form: not if it is ASCII without capital letters. */
export const mayClash = (path: string): boolean => !/^[\x20-\x40\x5b-\x7e]*$/.test(path)

/** Files of which a file system without case or Unicode forms, as on macOS and Windows, keeps only one. */
export function clashing(found: readonly Pick<FoundFile, 'path'>[]): readonly DatasetIssue[] {
  if (!found.some(({ path }) => mayClash(path))) return []
  const fold = (path: string) => path.normalize('NFC').toLowerCase()
  if (new Set(found.map(({ path }) => fold(path))).size === found.length) return []
  const seen = new Map<string, string>()
  const issues: DatasetIssue[] = []
  for (const { path } of found) {
    const other = seen.get(fold(path))
    seen.set(fold(path), path)
    if (other === undefined || issues.length >= maximumIssues) continue
    const message = `its name differs from ${JSON.stringify(other)} only in case or Unicode form, so a checkout on macOS or Windows has only one of them; rename one`
    issues.push({ path, position: '', message })
  }
  return issues
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
      `Cannot read samples from the folder ${JSON.stringify(path)}: ${fact}. Create the folder, or use another source.`,
      { facts: { path }, cause: error },
    )
  }
}
