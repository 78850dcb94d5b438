import { join } from 'node:path'
import { digestJson, SheikhError } from '../../core/index.js'
import { readTextFile } from '../../store/index.js'
import { findCommit } from '../git/index.js'
import { type Baseline, baselineFolder, baselinePath, parseBaseline } from './baseline-file.js'
import { type BaselineOptions, type BaselinePlace, baselineFile, baselinePlace, defaultName } from './baseline-place.js'

export interface ReadBaselineOptions extends BaselineOptions {
  /**
   * The branch, tag or commit whose baseline is read, such as the base branch of a pull request.
   *
   * @default the work tree
   */
  readonly from?: string | undefined
}

/**
 * Reads a baseline that `acceptBaseline` wrote.
 *
 * @throws `not-found` if there is none of this name, or the clone lacks the commit; `artifact-corrupt` for a file that
 * is not whole; `invalid-options`, `invalid-config` as `acceptBaseline`.
 */
export async function readBaseline(directory: string, options: ReadBaselineOptions = {}): Promise<Baseline> {
  return readBaselineIn(await baselinePlace(directory, options), options)
}

export async function readBaselineIn(
  place: BaselinePlace,
  { name = defaultName, from }: ReadBaselineOptions,
): Promise<Baseline> {
  const path = from === undefined ? await baselineFile(place, name) : baselinePath(name)
  const shown = from === undefined ? join(place.root, path) : `${from}:${path}`
  const content = from === undefined ? await readTextFile(shown) : await textAt(place, from, path)
  if (content !== undefined) return parseBaseline(content, name, shown)
  throw new SheikhError(
    'not-found',
    `Cannot read the baseline "${name}": there is no "${shown}". Accept results as the baseline and commit the file: sheikh gate accept <file> --name ${name}`,
    { facts: { name, path: shown } },
  )
}

/** Whether the work tree has another version of a baseline that was read from a commit. */
export async function isChangedHere(place: BaselinePlace, { name, scores, path }: Baseline): Promise<boolean> {
  const here = await readTextFile(join(place.root, await baselineFile(place, name)))
  if (here === undefined) return true
  // The text may differ in its line ends alone.
  try {
    return digestJson(parseBaseline(here, name, path).scores.lines) !== digestJson(scores.lines)
  } catch {
    return true
  }
}

/** Whether a commit has a baseline of this name. `false` if the clone lacks the commit. */
export async function isIn(
  place: BaselinePlace,
  { name, from }: { readonly name: string; readonly from: string },
): Promise<boolean> {
  const oid = place.git === undefined ? undefined : await findCommit(place.git, from)
  return oid !== undefined && (await place.git!.tree(oid, [baselineFolder])).has(baselinePath(name))
}

async function textAt({ git, context }: BaselinePlace, from: string, path: string): Promise<string | undefined> {
  const oid = git === undefined ? undefined : await findCommit(git, from)
  if (git === undefined || oid === undefined) {
    const why =
      git === undefined
        ? 'the folder is not in a Git repository. Use this command in a clone, or compare with a file: --baseline <file>'
        : (await git.head()) === undefined
          ? 'this repository has no commit yet. Commit the accepted baseline, or fetch the branch that has it.'
          : 'this clone has no such branch, tag or commit. Fetch it first; in GitHub Actions, give actions/checkout "fetch-depth: 0".'
    throw new SheikhError(
      git === undefined ? 'repository-invalid' : 'not-found',
      `Cannot read the baseline from ${JSON.stringify(from)}: ${why}`,
      { facts: { from } },
    )
  }
  context.signal.throwIfAborted()
  const entry = (await git.tree(oid, [baselineFolder])).get(path)
  if (entry === undefined) return undefined
  if (!entry.mode.startsWith('100'))
    throw new SheikhError(
      'invalid-config',
      `Cannot use "${path}" of ${JSON.stringify(from)}: it is a symbolic link. Commit the file itself.`,
      { facts: { file: path } },
    )
  return Buffer.from(await git.readBlob(entry.oid)).toString('utf8')
}
