import fs from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { SheikhError } from '../../core/index.js'
import { createExclusively, renameDurably } from '../../store/index.js'
import type { Git } from './git.js'

/** The ledger's commit that was seen last in this clone, wherever the branch is kept. */
export const seenRef = 'refs/sheikh/ledger-seen'

// git waits for 100 ms too (core.filesRefLockTimeout).
const lockAttempts = 5
const lockPauseMs = 25

/** The commit that a whole name (`refs/…`) points at. */
export async function readRef({ library, root: dir }: Git, ref: string): Promise<string | undefined> {
  try {
    return await library.resolveRef({ fs, dir, ref })
  } catch (error) {
    if ((error as Error).name === 'NotFoundError') return undefined
    throw error
  }
}

/**
 * Points a name at another commit, if it points at `expected` (`undefined`: at none), by the lock file that git uses.
 *
 * @returns false where it points elsewhere.
 * @throws `locked` where another program is changing it.
 */
export async function moveRef(git: Git, ref: string, next: string, expected: string | undefined): Promise<boolean> {
  const folder = join(git.root, '.git')
  const path = join(folder, ref)
  const lock = `${path}.lock`
  // The temporary file not beside it: git takes what is below refs/ for names.
  for (let attempt = 1; !(await createExclusively(lock, `${next}\n`, { temporaryFolder: folder })); attempt += 1) {
    if (attempt === lockAttempts)
      throw new SheikhError(
        'locked',
        `Cannot move "${ref}": "${lock}" exists, so another program is at work, or one was killed. Remove the file if none is.`,
        { facts: { path: lock } },
      )
    await setTimeout(lockPauseMs)
  }
  try {
    if ((await readRef(git, ref)) !== expected) return false
    await renameDurably(lock, path)
    return true
  } finally {
    await rm(lock, { force: true })
  }
}

/** Whether a commit is `ancestor`, or comes after it. */
export async function extendsCommit({ library, root: dir }: Git, oid: string, ancestor: string): Promise<boolean> {
  return oid === ancestor || (await library.isDescendent({ fs, dir, oid, ancestor, depth: -1 }))
}

async function hasCommit({ library, root: dir }: Git, oid: string): Promise<boolean> {
  return library.readCommit({ fs, dir, oid }).then(
    () => true,
    () => false,
  )
}

/**
 * A branch's last commit, with everything of it in this clone.
 *
 * @param find asks where it stands.
 * @param fetch brings what is missing here.
 */
export async function fetchedTip(
  git: Git,
  remote: string,
  find: () => Promise<string | undefined>,
  fetch: () => Promise<unknown>,
): Promise<string | undefined> {
  // More than once: between asking and fetching the branch may be replaced by one that does not hold what was found.
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const tip = await find()
    if (tip === undefined || (await hasCommit(git, tip))) return tip
    await fetch()
    if (await hasCommit(git, tip)) return tip
  }
  throw new SheikhError(
    'storage-failed',
    `Cannot reach the ledger on "${remote}": what is fetched is not what was found, again and again. Run again.`,
    { facts: { remote }, retryable: true },
  )
}
