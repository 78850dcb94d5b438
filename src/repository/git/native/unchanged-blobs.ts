import type { CallContext } from '../../../core/index.js'
import { type EnvironmentVariables, findGit, gitProgram } from './git-program.js'

/** Attributes that change what a checkout makes of a blob (gitattributes(5)); line endings change no sample. */
const filters = ['filter', 'ident', 'working-tree-encoding']

/**
 * The blob ids of the files below a folder that are equal to their blobs in Git's index, by path below the folder. Reads
 * no file whose stat data are those in the index. Omits files with a filter (Git LFS), flagged files, links and submodules.
 *
 * @returns an empty map if there is no Git repository or no program `git`.
 */
export async function unchangedBlobs(
  directory: string,
  environment: EnvironmentVariables,
  context: CallContext,
): Promise<ReadonlyMap<string, string>> {
  const { signal } = context
  const ids = new Map<string, string>()
  if ((await findGit('git', environment, context)) === undefined) return ids
  const program = gitProgram('git', directory, environment, signal)
  const [entries, differing] = await Promise.all([
    program.ask(['ls-files', '-v', '-s', '-z'], { signal }),
    program.ask(['diff-files', '--name-only', '--relative', '-z', '--no-renames'], { signal }),
  ])
  if (entries.status !== 0 || differing.status !== 0) return ids
  for (const line of entries.output.toString().split('\0')) {
    // "H": neither flagged nor left out by a sparse checkout. "0": not in conflict.
    const [, oid, path] = /^H 100[67][45][45] ([0-9a-f]+) 0\t(.*)$/s.exec(line) ?? []
    if (oid !== undefined && path !== undefined) ids.set(path, oid)
  }
  for (const path of differing.output.toString().split('\0')) ids.delete(path)
  // The pathspec `:(attr:!filter)` would do this in one step, but Git 2.39 ignores it for paths below a folder.
  const input = [...ids.keys(), ''].join('\0')
  const attributes = await program.ask(['check-attr', '-z', '--stdin', ...filters], { input, signal })
  if (attributes.status !== 0) return new Map()
  const answers = attributes.output.toString().split('\0')
  for (let index = 0; index + 2 < answers.length; index += 3)
    if (answers[index + 2] !== 'unspecified' && answers[index + 2] !== 'unset') ids.delete(answers[index]!)
  return ids
}
