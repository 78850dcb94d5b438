import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { CallContext } from '../../../core/index.js'
import type { Changes } from '../git.js'
import { type GitProgram, gitFailed } from './git-program.js'
import { isPlainIndex } from './plain-index.js'

/** Characters in the arguments of one command. Windows takes 32,767. */
const longestParameters = 20_000
/** Paths in one command's arguments. */
const pathsAtOnce = 100

interface WorkTree {
  readonly root: string
  /** The folder of the index. */
  readonly directory: string
  /** Bytes of an object's name. */
  readonly oidBytes: number
}

interface Found {
  readonly changed: Set<string>
  readonly deleted: Set<string>
  readonly ignored: Set<string>
  readonly absent: Set<string>
}

/**
 * `git status`, and what it passes over: entries that a person or a sparse checkout has flagged in the index, and
 * submodules.
 */
export async function findChanges(
  program: GitProgram,
  place: WorkTree,
  paths: readonly string[],
  { signal }: CallContext,
): Promise<Changes> {
  const found: Found = { changed: new Set(), deleted: new Set(), ignored: new Set(), absent: new Set() }
  // More than a command line takes: everything is compared, and what was not asked for is left out.
  const isLong = paths.reduce((sum, path) => sum + path.length + 1, 0) > longestParameters
  if (paths.length > 0) await look(program, place, isLong ? ['.'] : paths, signal, found)
  const { changed, deleted, ignored, absent } = found
  // A file that was removed from the index and exists is listed twice.
  for (const path of changed) deleted.delete(path)
  const wanted = isLong ? isBelow(paths) : () => true
  const [changedPaths, deletedPaths, ignoredPaths, absentPaths] = [changed, deleted, ignored, absent].map((list) =>
    [...list].filter(wanted),
  ) as [string[], string[], string[], string[]]
  return { changed: changedPaths, deleted: deletedPaths, ignored: ignoredPaths, absent: absentPaths }
}

/** Files that a sparse checkout leaves out, and submodules that are not initialised. */
export async function findAbsent(
  program: GitProgram,
  place: WorkTree,
  paths: readonly string[],
  { signal }: CallContext,
): Promise<readonly string[]> {
  if (await isPlainIndex(place.directory, place.oidBytes)) return []
  const absent: string[] = []
  for (let start = 0; start < paths.length; start += pathsAtOnce) {
    const some = paths.slice(start, start + pathsAtOnce)
    const entries = await program.run(['ls-files', '-v', '-s', '-z', '--', ...some], { signal })
    for (const entry of eachEntry(entries)) if (isAbsent(place.root, entry)) absent.push(entry.path)
  }
  return absent
}

const isAbsent = (folder: string, { path, mode, isSkipped }: IndexEntry) =>
  mode === '160000' ? !existsSync(join(folder, path, '.git')) : isSkipped && !existsAsFile(folder, path)

const existsAsFile = (folder: string, path: string) =>
  lstatSync(join(folder, path), { throwIfNoEntry: false })?.isDirectory() === false

/** Whether a path is one of `paths` or below one. */
function isBelow(paths: readonly string[]): (path: string) => boolean {
  const names = new Set(paths)
  return (path) => {
    for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) if (names.has(path.slice(0, at))) return true
    return false
  }
}

async function look(
  program: GitProgram,
  place: WorkTree,
  paths: readonly string[],
  signal: AbortSignal,
  found: Found,
  prefix = '',
): Promise<void> {
  const inside = prefix === '' ? [] : ['-C', join(place.root, prefix)]
  const status = [
    ...[...inside, 'status', '--porcelain=v2', '-z', '--no-renames', '--untracked-files=all', '--ignored=matching'],
    // The files of a submodule are listed below, by name.
    ...['--ignore-submodules=dirty', '--', ...paths],
  ]
  const isPlain = prefix === '' && (await isPlainIndex(place.directory, place.oidBytes))
  const [lines, entries] = await Promise.all([
    program.run(status, { signal }),
    isPlain ? Buffer.alloc(0) : program.run([...inside, 'ls-files', '-v', '-s', '-z', '--', ...paths], { signal }),
  ])
  readStatus(lines.toString(), prefix, found)
  const flagged: [path: string, oid: string][] = []
  for (const entry of eachEntry(entries)) {
    const { path, oid, mode } = entry
    if (isAbsent(join(place.root, prefix), entry)) found.absent.add(prefix + path)
    else if (mode === '160000') await look(program, place, ['.'], signal, found, `${prefix}${path}/`)
    else if (existsAsFile(join(place.root, prefix), path)) flagged.push([path, oid])
    else found.deleted.add(prefix + path)
  }
  for (const path of await differing(program, inside, flagged, signal)) found.changed.add(prefix + path)
}

/** The format is in git-status(1), "Porcelain Format Version 2". */
function readStatus(text: string, prefix: string, { changed, deleted, ignored }: Found): void {
  for (const line of text.split('\0')) {
    const [kind, state] = [line[0], line.slice(2, 4)]
    if (kind === '?') changed.add(prefix + line.slice(2))
    else if (kind === '!') ignored.add(prefix + line.slice(2))
    else if (kind === '1' || kind === 'u') {
      const path =
        prefix +
        line
          .split(' ')
          .slice(kind === '1' ? 8 : 10)
          .join(' ')
      // Added to the index, and gone from the work tree: neither the commit nor the folder holds it.
      if (state === 'AD') continue
      if (state.endsWith('D') || state === 'D.') deleted.add(path)
      else changed.add(path)
    }
  }
}

interface IndexEntry {
  readonly path: string
  readonly mode: string
  readonly oid: string
  readonly isSkipped: boolean
}

/** The entries of `git ls-files -v -s` that `git status` does not compare: flagged ones, and submodules. */
function* eachEntry(output: Buffer): Generator<IndexEntry> {
  // Almost every line begins with "H 100": ten thousand of them are not worth splitting.
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(0, at)
    const isPlain = output[at] === 0x48 && output[at + 2] === 0x31 && output[at + 3] !== 0x36
    if (!isPlain) {
      const line = output.toString('utf8', at, end)
      const tab = line.indexOf('\t')
      const [tag = '', mode = '', oid = '', stage] = line.slice(0, tab).split(' ')
      const isUnmerged = stage !== '0'
      if (!isUnmerged) yield { path: line.slice(tab + 1), mode, oid, isSkipped: tag.toUpperCase() === 'S' }
    }
    at = end + 1
  }
}

/** Of flagged files, those whose content is not the index's. */
async function differing(
  program: GitProgram,
  inside: readonly string[],
  files: readonly (readonly [path: string, oid: string])[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = []
  for (let start = 0; start < files.length; start += pathsAtOnce) {
    const some = files.slice(start, start + pathsAtOnce)
    const parameters = [...inside, 'hash-object', '--', ...some.map(([path]) => path)]
    const answer = await program.ask(parameters, { signal })
    if (answer.status !== 0) throw gitFailed(parameters, answer)
    const oids = answer.output.toString().split('\n')
    some.forEach(([path, oid], index) => {
      if (oids[index] !== oid) found.push(path)
    })
  }
  return found
}
