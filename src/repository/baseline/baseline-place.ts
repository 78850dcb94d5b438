import { lstatSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type CallContext, type Clock, callContext, type Log, plainPath, SheikhError } from '../../core/index.js'
import { type Git, type GitOptions, isInRepository, openGit } from '../git/index.js'
import { refuseLinks } from '../refuse-links.js'
import { baselineFolder, baselinePath } from './baseline-file.js'

export interface BaselineOptions extends GitOptions {
  /** @default 'main' */
  readonly name?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
  readonly log?: Log | undefined
}

/** Where the baselines of a folder are kept. */
export interface BaselinePlace {
  /** The top of the work tree; outside Git the folder itself. */
  readonly root: string
  /** Absent outside Git. */
  readonly git?: Git | undefined
  readonly context: CallContext
}

export const defaultName = 'main'

/** @throws `repository-invalid` for a Git repository that cannot be opened. */
export async function baselinePlace(directory: string, options: BaselineOptions): Promise<BaselinePlace> {
  const context = callContext(options)
  context.signal.throwIfAborted()
  plainPath(directory, 'the folder of the baselines')
  const folder = await realpath(directory).catch(() => resolve(directory))
  if (!isInRepository(folder)) return { root: folder, context }
  const git = await openGit(folder, context, options)
  return { root: git.root, git, context }
}

/**
 * The file of a baseline in the work tree, below the top.
 *
 * @throws `invalid-options` for a name that is no plain name; `invalid-config` if the file or its folder is a link;
 * `storage-failed` if the folder is a file.
 */
export async function baselineFile({ root }: BaselinePlace, name: string): Promise<string> {
  const path = baselinePath(name)
  await refuseLinks(root, [path])
  const folder = resolve(root, baselineFolder)
  if (lstatSync(folder, { throwIfNoEntry: false })?.isFile())
    throw new SheikhError(
      'storage-failed',
      `Cannot keep baselines in "${folder}": it is a file, not a folder. Move the file away.`,
      { facts: { path: folder } },
    )
  return path
}
