import { readdir } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { callContext, SheikhError } from '../../core/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { commit, initGitRepository, openGit } from '../git/index.js'
import { evaluationPath } from '../layout.js'
import { openRepository, type RepositoryOptions } from '../repository.js'
import { generatedSalt, generatedShare, layoutFiles } from './layout-files.js'

export interface InitOptions extends RepositoryOptions {
  /** 200 small generated samples, pinned, so that a run works at once. @default true */
  readonly samples?: boolean | undefined
  /** @default the folder's name */
  readonly name?: string | undefined
}

export interface Initialised {
  readonly commit: string
  readonly files: number
  /** Items in the evaluation set. */
  readonly pinned: number
}

/**
 * Makes a project and commits it: the layout, samples and an evaluation set, in a Git repository that is made if there is none.
 *
 * @throws `invalid-options` where the folder holds a file that it would write over.
 */
export async function initRepository(directory: string, options: InitOptions = {}): Promise<Initialised> {
  const context = callContext(options)
  const root = resolve(directory)
  const { samples = true, name = basename(root) } = options
  const files = layoutFiles(name, samples)
  await refuseToOverwrite(
    root,
    files.map(({ path }) => path),
  )
  await initGitRepository(root, context)
  for (const { path, text } of files) await writeFileAtomic(join(root, path), text)
  const repository = await openRepository(root, options)
  const { set } = samples
    ? await repository.pinEvaluation({ share: generatedShare, salt: generatedSalt })
    : { set: undefined }
  const git = await openGit(root, context)
  const below = relative(git.root, root)
  const paths = [...files.map(({ path }) => path), evaluationPath].map((path) =>
    below === '' ? path : `${below}/${path}`,
  )
  const oid = await commit(git, { message: `Start the project "${name}"`, paths }, context)
  return { commit: oid, files: files.length + (set === undefined ? 0 : 1), pinned: set?.items.length ?? 0 }
}

async function refuseToOverwrite(root: string, paths: readonly string[]): Promise<void> {
  const there = new Set(await readdir(root).catch(() => []))
  const taken = [...new Set(paths.map((path) => path.split('/')[0]!))].filter((name) => there.has(name))
  if (taken.length === 0) return
  throw new SheikhError(
    'invalid-options',
    `Cannot make a project in "${root}": it holds ${taken.join(', ')} already. Choose another folder.`,
    { facts: { paths: taken } },
  )
}
