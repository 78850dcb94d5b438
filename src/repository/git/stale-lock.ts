import { lstat, readdir, readFile, readlink, rename, rm } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type CallContext, isSheikhError, messageOf } from '../../core/index.js'
import { canSee, hostProcesses, type ProcessIdentity } from '../../store/index.js'
import type { Git } from './git.js'

/** git holds the lock of a ref for milliseconds, and for seconds while hooks run. */
export const staleLockMs = 30_000
const pollMs = 50

/**
 * `git.moveRef`, which removes a lock that a killed program left behind. A lock that names its owner is removed once the
 * owner is gone. Any other lock is removed if it stays unchanged for `watchMs` and no git works in the repository then.
 *
 * @throws `locked` while a program holds the lock.
 */
export async function moveRefPastLocks(
  git: Git,
  { ref, next, expected }: { readonly ref: string; readonly next: string; readonly expected: string | undefined },
  context: CallContext,
  watchMs = staleLockMs,
): Promise<boolean> {
  for (;;) {
    context.signal.throwIfAborted()
    try {
      return await git.moveRef(ref, next, expected)
    } catch (error) {
      const path = isSheikhError(error, 'locked') ? error.facts['path'] : undefined
      if (typeof path !== 'string' || !(await isOutOfTheWay(git, resolve(git.root, path), watchMs, context)))
        throw error
    }
  }
}

/** What a lock of ours holds, so that a later process can tell whether its owner is gone. */
export const lockOwner = () => `${JSON.stringify(hostProcesses.self())}\n`

/**
 * Removes a lock that names its owner, once the owner is gone. The owner changes the file's time while it lives: if this
 * process cannot see the owner's, the lock is removed after it stayed unchanged for `watchMs`.
 *
 * @returns whether the lock is gone. Never true for a lock that names no owner.
 */
export async function removeLeftLock(path: string, context: CallContext, watchMs: number): Promise<boolean> {
  const first = await stampOf(path)
  if (first === undefined) return true
  const owner = await namedOwner(path)
  if (owner === undefined) return false
  if (isVisible(owner)) return !(await isAlive(owner)) && remove(path, first, context)
  if (await staysUnchanged(path, first, watchMs, context)) return remove(path, first, context)
  return (await stampOf(path)) === undefined
}

async function isOutOfTheWay(git: Git, path: string, watchMs: number, context: CallContext): Promise<boolean> {
  const first = await stampOf(path)
  if (first === undefined) return true
  const owner = await namedOwner(path)
  const visible = owner !== undefined && isVisible(owner)
  const lives = visible && (await isAlive(owner))
  if (!visible || lives) {
    if (!(await staysUnchanged(path, first, watchMs, context))) return true
    if (lives || (await isGitAtWork(git))) return false
  }
  return remove(path, first, context)
}

/** By waiting, not by the file's time: clocks jump, and a computer that slept resumes the program that holds the lock. */
async function staysUnchanged(path: string, stamp: string, watchMs: number, { signal }: CallContext): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < watchMs; waitedMs += pollMs) {
    await setTimeout(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    if ((await stampOf(path)) !== stamp) return false
  }
  return true
}

async function remove(path: string, stamp: string, { log }: CallContext): Promise<boolean> {
  try {
    await removeIf(path, stamp)
  } catch (error) {
    log.warn(`Cannot remove the stale lock "${path}": ${messageOf(error)}`, { path })
    return false
  }
  log.info(`Removed "${path}", which a killed program left behind.`, { path })
  return true
}

/** Another program may remove the stale lock first and take the lock: a name that changed hands is given back. */
async function removeIf(path: string, stamp: string): Promise<void> {
  const aside = `${path}.stale-${process.pid}.lock`
  if ((await stampOf(path)) !== stamp) return
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await stampOf(aside)) !== stamp) await rename(aside, path)
  else await rm(aside, { force: true })
}

/** Tells one lock file from another of the same name; `undefined` if there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined)
  return found && [found.dev, found.ino, found.size, found.mtimeNs].join(':')
}

/** The process that a lock of ours names. */
async function namedOwner(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity
    return Number.isSafeInteger(owner.pid) ? owner : undefined
  } catch {
    return undefined
  }
}

/** Whether the end of that process can be seen from here. */
const isVisible = (owner: ProcessIdentity) => canSee(hostProcesses.self(), owner)
const isAlive = ({ pid, processStartTime }: ProcessIdentity) => hostProcesses.isAlive(pid, processStartTime)

/** Whether a process of git works in this repository, as far as the system tells: proc(5), on Linux. */
async function isGitAtWork({ root, commonDirectory }: Git): Promise<boolean> {
  const isWithin = (path: string, folder: string) => path === folder || path.startsWith(folder + sep)
  const processes = await readdir('/proc').catch(() => [])
  for (const id of processes.filter((name) => /^\d+$/.test(name))) {
    const name = await readFile(join('/proc', id, 'comm'), 'utf8').catch(() => '')
    if (!/^git(-|$)/.test(basename(name.trim()))) continue
    try {
      const folder = await readlink(join('/proc', id, 'cwd'))
      if (isWithin(folder, root) || isWithin(folder, commonDirectory)) return true
    } catch (error) {
      // Another user's: nobody can say where it works.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return true
    }
  }
  return false
}
