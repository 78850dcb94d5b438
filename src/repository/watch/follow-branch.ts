import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { directoryStore } from '../../store/directory/index.js'
import { type EnvironmentVariables, factIn, findGit, type Git, type GitAnswer, gitProgram } from '../git/index.js'
import { hostConfigurationPaths, pipelineFile, storePath } from '../layout.js'
import { sharedFolder } from '../shared-folder.js'
import type { Blocked } from './watch-event.js'

/** Follows a branch of a remote by fast-forwards. */
export interface BranchFollower {
  readonly remote: string
  readonly branch: string
  /** Fetches the branch and fast-forwards the checkout. Resets nothing and pushes nothing. */
  follow(context: CallContext): Promise<Blocked | Followed>
}

export interface Followed {
  /** The commit of HEAD, which the branch contains. */
  readonly commit: string
  readonly update?:
    | { readonly from?: string | undefined; readonly commits: number; readonly dependencies: readonly string[] }
    | undefined
}

const remoteTimeoutMs = 600_000
const dependencyFiles = new Set([
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'],
])
const mostPaths = 10

/** @throws `repository-invalid` without the program `git`, a branch or a remote. */
export async function branchFollower(
  git: Git,
  project: string,
  { branch: wanted, environment }: { readonly branch?: string | undefined; readonly environment: EnvironmentVariables },
  context: CallContext,
): Promise<BranchFollower> {
  const invalid = (sentence: string) =>
    new SheikhError('repository-invalid', `Cannot watch the repository: ${sentence}`)
  const version = await findGit('git', environment, context)
  if (version === undefined || git.kind !== 'native')
    throw invalid(
      'this needs the program "git", version 2.30 or later. Install it, and make sure that it accepts the folder.',
    )
  const program = gitProgram('git', git.root, environment, context.signal, version)
  const checkedOut = (await git.branch())?.replace(/^refs\/heads\//, '')
  const setting = async (name: string) =>
    checkedOut === undefined ? undefined : git.config(`branch.${checkedOut}.${name}`)
  const branch = wanted ?? (await setting('merge'))?.replace(/^refs\/heads\//, '') ?? checkedOut
  if (branch === undefined) throw invalid('HEAD is detached. Check out a branch, or name one: --branch main')
  const remote = (await setting('remote')) ?? 'origin'
  if ((await git.config(`remote.${remote}.url`)) === undefined)
    throw invalid(`it has no remote "${remote}". Add one: git remote add origin <address>`)
  const tracking = `refs/remotes/${remote}/${branch}`
  if ((await program.ask(['check-ref-format', tracking])).status !== 0)
    throw invalid(`"${branch}" is not the name of a branch. Name one such as main.`)
  const name = `"${branch}" of ${remote}`
  const commitOf = async (ref: string) => {
    const { status, output } = await program.ask(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`])
    return status === 0 ? output.toString().trim() : undefined
  }

  // ssh asks on the terminal for a passphrase, or whether a host is known, whatever git is told. The limits are in seconds: a
  // connection that hangs ends by them, since ssh outlives the git that started it.
  const hasOwnSsh =
    environment['GIT_SSH_COMMAND'] ?? environment['GIT_SSH'] ?? (await git.config('core.sshCommand')) !== undefined
  const silent = hasOwnSsh
    ? {}
    : { GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o ConnectTimeout=60 -o ServerAliveInterval=60' }

  /** Runs a command that needs a remote. @returns `undefined` if the remote does not answer in time. */
  async function askRemote(parameters: readonly string[], signal?: AbortSignal): Promise<GitAnswer | undefined> {
    signal?.throwIfAborted()
    const limit = new AbortController()
    const stop = () => limit.abort()
    signal?.addEventListener('abort', stop)
    const timer = setTimeout(stop, remoteTimeoutMs)
    try {
      return await program.ask(parameters, { signal: limit.signal, environment: silent })
    } catch (error) {
      signal?.throwIfAborted()
      if (!limit.signal.aborted) throw error
      return undefined
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }
  const factOf = (answer: GitAnswer | undefined) =>
    answer === undefined
      ? `no answer within ${remoteTimeoutMs / 60_000} minutes`
      : factIn(answer.errors) || `git ended with ${answer.status}`

  async function fetch({ signal }: CallContext): Promise<Blocked | undefined> {
    // The plus: a branch that was rewritten is followed here, and refused below.
    const refspec = `+refs/heads/${branch}:${tracking}`
    const quietly = ['--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head']
    const answer = await askRemote(['fetch', ...quietly, '--end-of-options', remote, refspec], signal)
    if (answer?.status === 0) return undefined
    const message = `Cannot fetch ${name}: ${factOf(answer)}. It is tried again, at growing intervals.`
    return { obstacle: 'remote', message }
  }

  /** The submodules do not yet have the commits that HEAD names. */
  let areSubmodulesBehind = false
  /** The fast-forward that is reported once they have. */
  let unreported: Followed['update']
  async function updateSubmodules(): Promise<Blocked | undefined> {
    // Deliberately without the watcher's signal, as for the checkout itself.
    const answer = await askRemote(['submodule', '--quiet', 'update', '--recursive'])
    areSubmodulesBehind = answer?.status !== 0
    if (!areSubmodulesBehind) return undefined
    const message = `Cannot update the submodules: ${factOf(answer)}. It is tried again at each interval. By hand: git submodule update --recursive`
    return { obstacle: 'checkout', message }
  }

  async function follow(context: CallContext): Promise<Blocked | Followed> {
    const unreachable = await fetch(context)
    if (unreachable !== undefined) return unreachable
    const behind = areSubmodulesBehind ? await updateSubmodules() : undefined
    if (behind !== undefined) return behind
    const [head, tip] = [await commitOf('HEAD'), await commitOf(tracking)]
    if (tip === undefined) return { obstacle: 'remote', message: `Cannot watch ${name}: the branch has no commit.` }
    if (head === tip) {
      const update = unreported
      unreported = undefined
      return { commit: head, update }
    }
    if (head !== undefined && (await program.ask(['merge-base', '--is-ancestor', head, tip])).status !== 0) {
      const own = Number((await program.run(['rev-list', '--count', `${tip}..${head}`])).toString())
      return {
        obstacle: 'diverged',
        message: `Cannot follow ${name}: this checkout has ${own === 1 ? '1 commit' : `${own} commits`} (HEAD is ${head.slice(0, 10)}) that the branch does not have. The branch was rewritten, or somebody committed here. Nothing is run and nothing is reset. Push the commits, or give them up: git reset --keep ${remote}/${branch}`,
      }
    }
    return fastForward(head, tip, context)
  }

  async function fastForward(head: string | undefined, tip: string, context: CallContext): Promise<Blocked | Followed> {
    const active = await activeProject(git, head, context)
    if (active !== undefined)
      return {
        obstacle: 'locked',
        message: `The command "${active.purpose}" of ${active.folder === '' ? 'this project' : `the project ${active.folder}`} is active in this repository. New commits wait for its end.`,
      }
    const paths = head === undefined ? [] : await namesOf(['diff', '--name-only', '-z', 'HEAD'])
    if (paths.length > 0)
      return {
        obstacle: 'checkout',
        message: `Cannot update the checkout to ${tip.slice(0, 10)}: ${listed(paths)} ${paths.length === 1 ? 'was' : 'were'} edited here. Commit and push the edits from another clone, or discard them: git restore --staged --worktree .`,
        paths,
      }
    const range = head === undefined ? tip : `${head}..${tip}`
    const commits = Number((await program.run(['rev-list', '--count', range])).toString())
    const changed = head === undefined ? [] : await namesOf(['diff', '--name-only', '-z', head, tip])
    // Deliberately without a signal: a checkout is changed as a whole. A file that Git ignores, such as .env, is not replaced.
    const merged = await program.ask(['merge', '--ff-only', '--quiet', '--no-overwrite-ignore', tip])
    if (merged.status !== 0)
      return {
        obstacle: 'checkout',
        message: `Cannot update the checkout to ${tip.slice(0, 10)}: ${factIn(merged.errors)}. Correct that; it is tried again at each interval.`,
      }
    const behind = existsSync(join(git.root, '.gitmodules')) ? await updateSubmodules() : undefined
    const update = { from: head, commits, dependencies: changed.filter(isDependency) }
    unreported = behind && update
    return behind ?? { commit: tip, update }
  }

  const namesOf = async (parameters: readonly string[]) =>
    (await program.run(parameters))
      .toString()
      .split('\0')
      .filter((path) => path !== '')
  /** In the project's folder, or in one above it, where Node looks for packages. */
  const isDependency = (path: string) =>
    dependencyFiles.has(basename(path)) &&
    (dirname(path) === '.' || dirname(path) === project || project.startsWith(`${dirname(path)}/`))

  return { remote, branch, follow }
}

const listed = (paths: readonly string[]) =>
  paths
    .slice(0, mostPaths)
    .map((path) => JSON.stringify(path))
    .join(', ') + (paths.length > mostPaths ? ` and ${paths.length - mostPaths} more` : '')

/** The files of a checkout must not change under a run, of whichever project. */
async function activeProject(git: Git, head: string | undefined, context: CallContext) {
  if (head === undefined) return undefined
  const markers = [pipelineFile, ...hostConfigurationPaths]
  const folders = new Set<string>()
  for (const path of (await git.tree(head)).keys())
    for (const marker of markers)
      if (path === marker || path.endsWith(`/${marker}`)) folders.add(path.slice(0, -marker.length).replace(/\/$/, ''))
  for (const folder of folders) {
    const store = join(sharedFolder(git, join(git.root, folder)), storePath)
    const held = existsSync(store) ? await directoryStore(store).heldLock?.(context) : undefined
    if (held !== undefined) return { folder, purpose: held.purpose }
  }
  return undefined
}
