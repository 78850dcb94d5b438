import { closeSync, existsSync, openSync, readdirSync, readSync, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { type Digest, digestJson, finishDigest, SheikhError, startDigest } from '../../core/index.js'
import { isSystemError, storageFailed } from '../../store/index.js'
import type { Argv } from './options.js'

export interface InputDigest {
  readonly path: string
  readonly digest: Digest
}

// Folders that change whenever programs run. With them in the key, no result would be reused.
const passedOver = new Set(['.git', '__pycache__'])

/**
 * The digests of files and folders, sorted by path.
 *
 * Synchronous, because `describe()` is. Digests computed earlier could be outdated.
 *
 * @throws `not-found`; `invalid-options` for a link or a special file within a folder; `storage-failed`.
 */
export function inputDigests(directory: string, paths: readonly string[]): readonly InputDigest[] {
  return [...new Set(paths)].sort().map((path) => ({ path, digest: digestOf(resolve(directory, path), path) }))
}

/**
 * The files below `directory` that a command line names, so that an edited program is detected even without `inputs`.
 * Includes the program itself if it is a path, unless a package manager installed it.
 */
export function filesAmong(directory: string, { command, args, cwd }: Argv): readonly string[] {
  const base = resolve(directory)
  const program = /[\\/]/.test(command) && !isInstalled(resolve(base, cwd, command)) ? [command] : []
  return [...program, ...args].flatMap((argument) => {
    const path = resolve(base, cwd, argument)
    const below = relative(base, path).replaceAll('\\', '/')
    if (below === '' || below.startsWith('../') || resolve(base, below) !== path) return []
    return fileAt(path) ? [below] : []
  })
}

/**
 * The absolute paths of files at and below `paths` that people edit: without files of packages and virtual
 * environments, and files behind a link that leads out.
 */
export function writtenFiles(directory: string, paths: readonly string[]): readonly string[] {
  const base = realpathSync(resolve(directory))
  const files = new Set<string>()
  const add = (path: string): void => {
    if (passedOver.has(basename(path)) || isInstalled(path)) return
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats?.isDirectory()) for (const name of readdirSync(path)) add(join(path, name))
    else if (stats?.isFile() && realpathSync(path).startsWith(`${base}${sep}`)) files.add(path)
  }
  for (const path of paths) add(resolve(directory, path))
  return [...files]
}

/** Whether a package manager installed the file. The lockfile, not the commit, determines its content. */
function isInstalled(path: string): boolean {
  const folder = dirname(path)
  return path.split(/[\\/]/).includes('node_modules') || existsSync(join(folder, '..', 'pyvenv.cfg'))
}

function fileAt(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // An option, a number or a name, but not a file.
    return false
  }
}

function digestOf(path: string, name: string): Digest {
  try {
    const stats = statSync(path)
    return stats.isDirectory() ? digestOfFolder(path, name) : digestOfFile(path, name, stats)
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      throw new SheikhError(
        'not-found',
        `Cannot find the input ${JSON.stringify(name)}: it does not exist. Correct "inputs".`,
        {
          facts: { path },
          cause: error,
        },
      )
    throw storageFailed('read', path, error)
  }
}

function digestOfFolder(path: string, name: string): Digest {
  const entries = readdirSync(path, { withFileTypes: true })
    .filter((entry) => !passedOver.has(entry.name))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
  return digestJson(
    entries.map((entry) => {
      const below = `${name}/${entry.name}`
      // A link may lead anywhere, or in a circle.
      if (!entry.isFile() && !entry.isDirectory()) throw notPlain(below)
      return [entry.name, digestOf(join(path, entry.name), below)]
    }),
  )
}

function digestOfFile(path: string, name: string, stats: Stats): Digest {
  if (!stats.isFile()) throw notPlain(name)
  const hash = startDigest()
  const buffer = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(1, stats.size)))
  const file = openSync(path, 'r')
  try {
    for (;;) {
      const length = readSync(file, buffer)
      if (length === 0) return finishDigest(hash)
      hash.update(buffer.subarray(0, length))
    }
  } finally {
    closeSync(file)
  }
}

const notPlain = (name: string) =>
  new SheikhError(
    'invalid-options',
    `Cannot use the input ${JSON.stringify(name)}: it is not a plain file or folder. Name its target.`,
  )
