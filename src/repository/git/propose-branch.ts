import { type CallContext, SheikhError } from '../../core/index.js'
import { changedTree } from './changed-tree.js'
import { knownAuthor, secondsOf } from './commit.js'
import type { Author, Git, TreeItem } from './git.js'
import { localPlace } from './ledger-local.js'
import type { LedgerPlace, OnAuth } from './ledger-place.js'
import { remotePlace } from './ledger-remote.js'

/** Where branches of proposals are kept. */
export interface RemoteOfProposals {
  /** Keeps the branch; `false`: this clone does. @default 'origin' if Git's configuration has it, else `false` */
  readonly remote?: string | false | undefined
  /** Gives the credential for a server over HTTP. */
  readonly onAuth?: OnAuth | undefined
  /** Names a proxy for a remote over HTTP; Git's settings come first. @default none */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

export interface BranchProposal extends RemoteOfProposals {
  /** Without `refs/heads/`, such as `sheikh/feedback-20260301`. */
  readonly branch: string
  /** New contents, by path below the repository's root. `undefined` removes the file. */
  readonly files: ReadonlyMap<string, string | Uint8Array | undefined>
  readonly message: string
  /** @default the identity that Git knows */
  readonly author?: Author | undefined
  /** Whether a branch that exists stays as it is, with what people changed there. @default false: a commit goes on top */
  readonly once?: boolean | undefined
}

export interface ProposedBranch {
  /** `nothing-new`: HEAD has these contents. `known`: an earlier call proposed the branch. */
  readonly status: 'proposed' | 'known' | 'nothing-new'
  readonly branch: string
  /** The last commit of the branch. Absent: there is no need for one. */
  readonly commit?: string | undefined
  /** The remote that has the branch. Absent: this clone. */
  readonly remote?: string | undefined
}

const mostAttempts = 5

/**
 * Commits files on a branch of their own and pushes it, so that a person can review and merge it. Work tree, index, HEAD and all
 * other branches stay as they are. A new branch starts at HEAD. If the branch exists, the commit goes on top of it: what people
 * added there stays.
 *
 * @throws `repository-invalid` if there is no commit, or Git knows no author; `storage-failed` if the remote cannot be reached or
 * refuses the branch; `invalid-config` for a remote that Git does not have.
 */
export async function proposeBranch(git: Git, proposal: BranchProposal, context: CallContext): Promise<ProposedBranch> {
  const { branch, message, files, once = false } = proposal
  context.signal.throwIfAborted()
  const head = await git.head()
  if (head === undefined)
    throw new SheikhError(
      'repository-invalid',
      `Cannot propose the branch "${branch}": the repository has no commits. Commit the project first.`,
    )
  const items = await writtenItems(git, files)
  if (await hasItems(git, head.oid, items)) return { status: 'nothing-new', branch }
  const { place, remote } = await placeOf(git, `refs/heads/${branch}`, proposal)
  const where = { branch, ...(remote !== undefined && { remote }) }
  const author = proposal.author ?? (await knownAuthor(git))
  for (let attempt = 1; ; attempt += 1) {
    const tip = await place.tip(context)
    if (tip !== undefined && (once || (await hasItems(git, tip, items))))
      return { status: 'known', commit: tip, ...where }
    const parent = tip ?? head.oid
    const tree = await changedTree(git, parent, items)
    const commit = await git.writeCommit({ tree, parents: [parent], message, author, timestamp: secondsOf(context) })
    const refusal = await place.move(commit, tip, context)
    if (refusal === undefined) return { status: 'proposed', commit, ...where }
    // Somebody else may have moved the branch meanwhile.
    if (attempt === mostAttempts) throw refused(branch, refusal)
  }
}

async function writtenItems(
  git: Git,
  files: BranchProposal['files'],
): Promise<ReadonlyMap<string, TreeItem | undefined>> {
  const items = new Map<string, TreeItem | undefined>()
  for (const [path, content] of files) {
    if (content === undefined) items.set(path, undefined)
    else {
      const oid = await git.writeBlob(typeof content === 'string' ? Buffer.from(content) : content)
      items.set(path, { path, oid, mode: '100644', type: 'blob' })
    }
  }
  return items
}

/** Whether a commit has all of these contents. */
async function hasItems(git: Git, commit: string, items: ReadonlyMap<string, TreeItem | undefined>): Promise<boolean> {
  const tree = await git.tree(commit, [...items.keys()])
  return [...items].every(([path, item]) => tree.get(path)?.oid === item?.oid)
}

/**
 * The branches of proposals whose names begin with `prefix`, with their last commits, everything of them in this clone.
 *
 * @param prefix without `refs/heads/`.
 * @throws `storage-failed` if the remote cannot be reached; `invalid-config` for a remote that Git does not have.
 */
export async function proposedBranches(
  git: Git,
  { prefix, ...where }: RemoteOfProposals & { readonly prefix: string },
  context: CallContext,
): Promise<ReadonlyMap<string, string>> {
  const { place } = await placeOf(git, `refs/heads/${prefix}`, where)
  const found = new Map<string, string>()
  for (const ref of await place.alike(context)) {
    const tip = await (await placeOf(git, ref, where)).place.tip(context)
    if (tip !== undefined) found.set(ref.slice('refs/heads/'.length), tip)
  }
  return found
}

async function placeOf(
  git: Git,
  ref: string,
  { remote: asked, onAuth, environment }: RemoteOfProposals,
): Promise<{ readonly place: LedgerPlace; readonly remote?: string }> {
  const remote = asked ?? 'origin'
  if (remote === false) return { place: localPlace(git, ref) }
  const place = await remotePlace(git, { remote, ref, onAuth, environment })
  if (place !== undefined) return { place, remote }
  if (asked === undefined) return { place: localPlace(git, ref) }
  throw new SheikhError(
    'invalid-config',
    `Cannot propose the branch "${ref.replace('refs/heads/', '')}": Git has no remote "${remote}". Add it: git remote add ${remote} <url>`,
    { facts: { remote } },
  )
}

const refused = (branch: string, { facts, retryable }: SheikhError) =>
  new SheikhError(
    'storage-failed',
    `Cannot propose the branch "${branch}": the remote refused it (${String(facts['reason'] ?? 'it moved')}). Allow this user to push branches that begin with "sheikh/".`,
    { facts: { ...facts, branch }, retryable },
  )
