import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { env } from 'node:process'
import {
  type CallContext,
  type Clock,
  callContext,
  createRedactor,
  type Log,
  plainPath,
  redactJson,
} from '../core/index.js'
import { type Composition, compose } from './compose.js'
import { belowRoot, type EnvironmentVariables, openGit } from './git/index.js'
import type { ProjectPlace } from './project-pipeline.js'
import { type FileTransfer, type Surroundings, secretsOf } from './release-targets.js'
import { sharedFolder } from './shared-folder.js'

export interface RepositoryOptions {
  /** Tokens and addresses: `HF_TOKEN`, `GITHUB_TOKEN` and the like. @default the process's */
  readonly environment?: EnvironmentVariables | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
  readonly log?: Log | undefined
  /** Receives the progress of each file that goes to the Hub or to GitHub, or comes from there. @default nothing */
  readonly onTransfer?: ((transfer: FileTransfer) => void) | undefined
}

/** A project once it is opened: the part that the methods of `Repository` share. */
export interface OpenedProject extends ProjectPlace {
  /** The project's folder. */
  readonly root: string
  /** Reads the files as they are now. */
  compose(): Promise<Composition>
  /** Removes secrets: a setting, or the message of a commit, may contain a token. */
  hide<V>(value: V): V
  /** The context of one call. */
  within(signal: AbortSignal | undefined): CallContext
  /** Who commits here, as `name <email>`. */
  author(): Promise<string | undefined>
}

/** @throws as `openRepository`. */
export async function openProject(directory: string, options: RepositoryOptions): Promise<OpenedProject> {
  const context = callContext(options)
  // One name for the folder: below a link, or a relative one, Git's paths and ours would not meet.
  plainPath(directory, 'the folder of the project')
  const root = await realpath(directory).catch(() => resolve(directory))
  const git = await openGit(root, context)
  const { environment = env, onTransfer } = options
  const prefix = belowRoot(git, root)
  const surroundings: Surroundings = {
    root,
    project: prefix,
    shared: sharedFolder(git, root),
    workTree: root,
    originUrl: () => git.config('remote.origin.url'),
    folderContent: async (folder, context) => git.folderContent?.(belowRoot(git, folder), context),
    environment,
    onTransfer,
  }
  return {
    ...{ root, git, prefix, surroundings, context },
    compose: () => compose(surroundings, context),
    hide: (value) => redactJson(value, createRedactor(secretsOf(environment))),
    within: (signal) => callContext({ ...context, signal: signal ?? context.signal }),
    async author() {
      const author = await git.author()
      return author === undefined ? undefined : `${author.name} <${author.email}>`
    },
  }
}
