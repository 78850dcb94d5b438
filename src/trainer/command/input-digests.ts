import { closeSync, existsSync, openSync, readdirSync, readSync, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { type Digest, digestJson, finishDigest, SheikhError, startDigest } from '../../core/index.js'
import { isSystemError, storageFailed } from '../../store/index.js'
import type { Argv } from './options.js'

export interface InputDigest {
  readonly path: string
  readonly digest: Digest
}

// What programs write beside their code when they run: with it in the key, every run would be the first.
const passedOver = new Set(['.git', '__pycache__'])

/**
 * The digests of files and folders, sorted by path.
 *
 * Synchronous, because `describe()` is: a source key that was made a moment before from other bytes would be wrong.
 *
 * @throws `not-found`; `invalid-options` for a link or a special file within a folder; `storage-failed`.
 */
export function inputDigests(directory: string, paths: readonly string[]): readonly InputDigest[] {
  return [...new Set(paths)].sort().map((path) => ({ path, digest: digestOf(resolve(directory, path), path) }))
}

/**
 * The files below `directory` that a command line names: a forgotten `inputs` must not make an edited program up to date. The
 * program itself is one of them if it is a path, unless it was installed.
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
 * The files at and below `paths` that people wrote, absolute: without those of packages, of virtual environments, and those
 * that a link leads out to.
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

/** A package manager put it there; the lockfile, not the commit, says what it is. */
function isInstalled(path: string): boolean {
  const folder = dirname(path)
  return path.split(/[\\/]/).includes('node_modules') || existsSync(join(folder, '..', 'pyvenv.cfg'))
}

function fileAt(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // An option, a number, a name: whatever it is, it is no file.
    return false
  }
}

function digestOf(path: string, name: string): Digest {
  try {
    const stats = statSync(path)
    return stats.isDirectory() ? digestOfFolder(path, name) : digestOfFile(path, name, stats)
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      throw new SheikhError('not-found', `Cannot find the input ${JSON.stringify(name)}: correct "inputs".`, {
        facts: { path },
        cause: error,
      })
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
      // What a link leads to may lie anywhere, or in a circle.
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
    `Cannot take the input ${JSON.stringify(name)}: it is not a plain file or folder. Name what it points at.`,
  )
