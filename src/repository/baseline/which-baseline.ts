import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { isBaselineName } from './baseline-file.js'
import { baselineFile, baselinePlace } from './baseline-place.js'
import { isIn, type ReadBaselineOptions } from './read-baseline.js'

/**
 * Whether a person means a baseline or a file: whichever exists. With `from`, a baseline of that commit exists too, so
 * that a pull request cannot replace a baseline of its base branch by a file of the same name.
 *
 * @param given a name or a path. @param file the same as an absolute path.
 * @throws `invalid-options` if both exist; `not-found` if neither does.
 */
export async function whichBaseline(
  directory: string,
  { given, file }: { readonly given: string; readonly file: string },
  options: ReadBaselineOptions = {},
): Promise<'name' | 'file'> {
  const isFile = existsSync(file)
  // A path needs no Git repository that can be opened.
  const kept = isBaselineName(given) ? await keptBaseline(directory, given, options) : undefined
  if (isFile && kept?.exists)
    throw new SheikhError(
      'invalid-options',
      `Cannot tell which baseline ${JSON.stringify(given)} is: there is a file "${file}" and an accepted baseline "${kept.path}". Write the file as ./${given}, or rename one.`,
      { facts: { file, baseline: kept.path } },
    )
  if (isFile || kept?.exists) return isFile ? 'file' : 'name'
  throw new SheikhError(
    'not-found',
    `Cannot read the baseline ${JSON.stringify(given)}: there is no file "${file}"${kept === undefined ? '' : ` and no accepted baseline "${kept.path}"`}. Name a file, or accept results: sheikh gate accept <file> --name <name>`,
    { facts: { file, ...(kept !== undefined && { baseline: kept.path }) } },
  )
}

async function keptBaseline(directory: string, name: string, options: ReadBaselineOptions) {
  const place = await baselinePlace(directory, options)
  const path = join(place.root, await baselineFile(place, name))
  const { from } = options
  return { path, exists: existsSync(path) || (from !== undefined && (await isIn(place, { name, from }))) }
}
