import fs from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { env, platform } from 'node:process'
import { type CallContext, callContext, SheikhError } from '../../core/index.js'
import type { Git } from './git.js'
import { type EnvironmentVariables, findGit, gitProgram } from './native/git-program.js'
import { nativeGit } from './native/native-git.js'

export interface GitOptions {
  /** The program to call; `false`: isomorphic-git. @default 'git', where version 2.30 or later is on the PATH */
  readonly program?: string | false | undefined
  /** @default the process's */
  readonly environment?: EnvironmentVariables | undefined
}

/**
 * The repository that a folder is in.
 *
 * @throws `repository-invalid` where the folder is in no Git repository, or in one that cannot be worked on.
 */
export async function openGit(
  directory: string,
  context: CallContext,
  { program = 'git', environment = env }: GitOptions = {},
): Promise<Git> {
  context.signal.throwIfAborted()
  const outside = () =>
    new SheikhError(
      'repository-invalid',
      `Cannot work on the repository: "${directory}" is not in a Git repository. Create a project with: sheikh init`,
      { facts: { directory } },
    )
  if (!fs.existsSync(directory))
    throw new SheikhError(
      'repository-invalid',
      `Cannot work on the repository: the folder "${directory}" does not exist. Name an existing folder, or create a project with: sheikh init`,
      { facts: { directory } },
    )
  let isRefused = false
  if (program !== false) {
    const found = await nativeGit(program, directory, environment, context)
    if ('git' in found) return found.git
    if (found.refusal === 'no-repository') throw outside()
    if (found.refusal === 'unusable')
      throw new SheikhError(
        'repository-invalid',
        `Cannot work on the repository: ${found.fact}. Use a work tree that "git status" accepts. An unknown repository format may need a newer git.`,
        { facts: { directory } },
      )
    // git refuses the folder of another user, since settings there may run programs. The library runs none.
    isRefused = found.refusal === 'other-owner'
  }
  const root = findRoot(directory, environment)
  if (root === undefined) throw outside()
  const [{ isomorphicGit }, { installGit, needsNative, trustFolder }] = await Promise.all([
    import('./isomorphic/isomorphic-git.js'),
    import('./isomorphic/unsupported.js'),
  ])
  const remedy = isRefused ? trustFolder(root) : installGit
  if (!fs.statSync(join(root, '.git')).isDirectory())
    throw needsNative(remedy, `"${root}" is a linked work tree or a submodule`)
  return isomorphicGit(root, environment, remedy)
}

/**
 * Makes a repository with the branch `main`, unless the folder is in one.
 *
 * @throws `storage-failed`.
 */
export async function initGitRepository(
  directory: string,
  parts: Partial<CallContext> = {},
  { program = 'git', environment = env }: GitOptions = {},
): Promise<void> {
  const context = callContext(parts)
  context.signal.throwIfAborted()
  if (isInRepository(directory, environment)) return
  await mkdir(directory, { recursive: true })
  const version = program === false ? undefined : await findGit(program, environment, context)
  if (program !== false && version !== undefined) {
    const call = gitProgram(program, directory, environment, context.signal, version)
    await call.run(['init', '--quiet', '--initial-branch=main'])
    return
  }
  const { initIsomorphic } = await import('./isomorphic/init.js')
  await initIsomorphic(directory, platform)
}

/** Whether a folder, which need not exist yet, is in a repository. */
export const isInRepository = (directory: string, environment: EnvironmentVariables = env) =>
  findRoot(directory, environment) !== undefined

/**
 * The nearest folder with a `.git` that is a repository, or a file that names one. As in git, the search does not go
 * up into a folder of `GIT_CEILING_DIRECTORIES`.
 */
function findRoot(directory: string, environment: EnvironmentVariables): string | undefined {
  const ceilings = (environment['GIT_CEILING_DIRECTORIES'] ?? '').split(delimiter).filter(isAbsolute)
  const unseen = new Set(ceilings.flatMap((folder) => [resolve(folder), realFolder(folder)]))
  for (let folder = resolve(directory); ; folder = join(folder, '..')) {
    const there = fs.statSync(join(folder, '.git'), { throwIfNoEntry: false })
    if (there?.isFile() || (there?.isDirectory() && fs.existsSync(join(folder, '.git/HEAD')))) return folder
    const above = join(folder, '..')
    if (above === folder || unseen.has(above)) return undefined
  }
}

/** Without links, if the folder exists. */
function realFolder(folder: string): string {
  try {
    return fs.realpathSync(folder)
  } catch {
    return resolve(folder)
  }
}
