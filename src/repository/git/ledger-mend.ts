import { type CallContext, isSheikhError, messageOf } from '../../core/index.js'
import type { Git } from './git.js'
import { restoreFromCopy } from './ledger-copy.js'
import { unreadable } from './ledger-errors.js'
import type { LedgerPlace } from './ledger-place.js'
import { seenRef } from './ledger-refs.js'
import { removeDamagedObjects } from './loose-object.js'

interface MendedBranch {
  /** Where the branch is kept, for messages. */
  readonly name: string
  readonly place: LedgerPlace
  /** The branch in this clone. */
  readonly ref: string
  /** What Git remembers of the branch at a remote. */
  readonly tracking?: string | undefined
  /** The ledger's file. */
  readonly path: string
}

/**
 * Reads a ledger. If a power failure left objects of its branch empty or missing, they are written again from the copy of
 * the last commit, or fetched again from the remote that keeps the branch.
 *
 * @throws `artifact-corrupt` if neither has them; whatever `read` throws for another reason.
 */
export async function readMending<R>(
  git: Git,
  branch: MendedBranch,
  context: CallContext,
  read: () => Promise<R>,
): Promise<R> {
  const { name, place, ref } = branch
  let failure: unknown
  const attempt = async (): Promise<{ readonly value: R } | undefined> => {
    try {
      return { value: await read() }
    } catch (error) {
      context.signal.throwIfAborted()
      failure = error
      return undefined
    }
  }
  const first = (await attempt()) ?? ((await restoreFromCopy(git, [seenRef, ref])) ? await attempt() : undefined)
  if (first !== undefined) return first.value
  if (!(await lacksObjects(git, branch, failure))) throw failure
  if (place.refetch === undefined) throw unreadable(name, ref, false, failure)
  // Git takes such files for the objects, and a pack that holds the same object is rejected.
  const removed = await removeDamagedObjects(git)
  await place.refetch(context).catch((error: unknown) => {
    context.signal.throwIfAborted()
    // The remote answered, and git then found names in this clone whose objects the remote lacks too.
    if (!/bad object|valid object|all necessary objects/.test(messageOf(error))) throw error
  })
  context.log.info(`Fetched the ledger from "${name}" again: objects were missing or damaged in this clone.`, {
    ref,
    removed,
  })
  const second = await attempt()
  if (second !== undefined) return second.value
  throw (await lacksObjects(git, branch, failure)) ? unreadable(name, ref, true, failure) : failure
}

/** Whether objects of the branch, and not what they say, are the reason for an error. */
async function lacksObjects(git: Git, { ref, tracking, path }: MendedBranch, error: unknown): Promise<boolean> {
  for (const name of [seenRef, ref, ...(tracking === undefined ? [] : [tracking])]) {
    const oid = await git.readRef(name).catch(() => undefined)
    if (oid !== undefined && !(await isReadable(git, oid, path))) return true
  }
  // An earlier commit: neither backend can tell then what descends from what. The library's own errors have other names.
  return (
    isSheikhError(error, 'repository-invalid') ||
    (error as { readonly code?: unknown } | null)?.code === 'NotFoundError'
  )
}

async function isReadable(git: Git, oid: string, path: string): Promise<boolean> {
  try {
    if ((await git.readCommit(oid)) === undefined) return false
    const entry = (await git.tree(oid, [path])).get(path)
    if (entry !== undefined) await git.readBlob(entry.oid)
    return true
  } catch {
    return false
  }
}
