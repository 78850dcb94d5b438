import { mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { basename, join, posix, relative, resolve } from 'node:path'
import { type CallContext, callContext, plainPath, SheikhError } from '../../core/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { commit, type Git, initGitRepository, isInRepository, knownAuthor, openGit } from '../git/index.js'
import { evaluationPath } from '../layout.js'
import { openRepository, type RepositoryOptions } from '../repository.js'
import { generatedSalt, generatedShare, type LayoutFile, layoutFiles } from './layout-files.js'

const ignoreFile = '.gitignore'

export interface InitOptions extends RepositoryOptions {
  /** 200 small generated samples, pinned, so that a run works at once. @default true */
  readonly samples?: boolean | undefined
  /** @default the folder's name */
  readonly name?: string | undefined
  /** Makes a repository around a folder that holds other files; none of them is committed. @default false */
  readonly here?: boolean | undefined
}

export interface Initialised {
  readonly commit: string
  readonly files: number
  /** Items in the evaluation set. */
  readonly pinned: number
}

/**
 * Makes a project and commits it: the layout, samples and an evaluation set, in the Git repository that the folder is in,
 * or in a new one.
 *
 * @throws `invalid-options` where the folder holds a file that it would write over, or a new repository would be made
 * around files without `here`; `repository-invalid` where Git knows nobody to commit as, or ignores the project's files.
 */
export async function initRepository(directory: string, options: InitOptions = {}): Promise<Initialised> {
  const context = callContext(options)
  const root = resolve(plainPath(directory, 'the folder of the project'))
  const { samples = true, name = basename(root), here = false } = options
  const files = layoutFiles(name, samples)
  const present = new Set(await readdir(root).catch(() => []))
  refuseToOverwrite(root, files, present)
  const isNew = !isInRepository(root)
  if (isNew && !here) refuseToSurround(root, present)
  await mkdir(root, { recursive: true })
  await initGitRepository(root, context)
  const git = await openGit(root, context)
  const author = await knownAuthor(git).catch(async (error: unknown) => {
    if (isNew) await rm(join(root, '.git'), { recursive: true, force: true })
    throw error
  })
  for (const { path, text } of files)
    await writeFileAtomic(join(root, path), path === ignoreFile ? await withLines(join(root, path), text) : text)
  const repository = await openRepository(root, options)
  const { set } = samples
    ? await repository.pinEvaluation({ share: generatedShare, salt: generatedSalt })
    : { set: undefined }
  const below = relative(git.root, await realpath(root)).replaceAll('\\', '/')
  const paths = [...files.map(({ path }) => path), evaluationPath].map((path) => posix.join(below, path))
  await refuseIgnored(git, paths, context)
  const oid = await commit(git, { message: `Start the project "${name}"`, author, paths }, context)
  return { commit: oid, files: files.length + (set === undefined ? 0 : 1), pinned: set?.items.length ?? 0 }
}

function refuseToOverwrite(root: string, files: readonly LayoutFile[], present: ReadonlySet<string>): void {
  const tops = new Set(files.map(({ path }) => path.split('/')[0]!))
  const taken = [...tops].filter((name) => name !== ignoreFile && present.has(name))
  if (taken.length === 0) return
  throw new SheikhError(
    'invalid-options',
    `Cannot create a project in "${root}": it already contains ${taken.join(', ')}. Choose another folder.`,
    { facts: { paths: taken } },
  )
}

function refuseToSurround(root: string, present: ReadonlySet<string>): void {
  if (present.size === 0) return
  const names = [...present].sort()
  const named = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`
  throw new SheikhError(
    'invalid-options',
    `Cannot create a repository in "${root}": the folder is not in a repository and already contains files (${named}). Choose a new folder, or add these files to the repository with: sheikh init --here`,
    { facts: { paths: names.slice(0, 100) } },
  )
}

/** The lines that a file holds, and those of `text` that it lacks. */
async function withLines(path: string, text: string): Promise<string> {
  const there = await readFile(path, 'utf8').catch(() => '')
  const lines = new Set(there.split(/\r?\n/).map((line) => line.trim()))
  const missing = text.split('\n').filter((line) => line !== '' && !lines.has(line))
  const start = there === '' || there.endsWith('\n') ? there : `${there}\n`
  return start + missing.map((line) => `${line}\n`).join('')
}

async function refuseIgnored(git: Git, paths: readonly string[], context: CallContext): Promise<void> {
  const { ignored } = await git.changes(paths, context)
  if (ignored.length === 0) return
  throw new SheikhError(
    'repository-invalid',
    `Cannot commit the project: Git ignores ${ignored.slice(0, 3).join(', ')}${ignored.length > 3 ? ', …' : ''}. Change the pattern in .gitignore (find it with "git check-ignore -v <file>") and commit.`,
    { facts: { paths: ignored } },
  )
}
