import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, SheikhError } from '../../../core/index.js'
import { createExclusively, isTemporaryName, removeQuietly } from '../../../store/index.js'
import { lockOwner, removeLeftLock, staleLockMs } from '../stale-lock.js'

/** A lock of ours shows that its owner lives, to programs that cannot see the owner's process. Well below `staleLockMs`. */
const signOfLifeMs = 5_000
/** Longer than any write takes. */
const leftTemporaryMs = 24 * 3_600_000

/**
 * Does `work` while no other program changes the index: by the lock file that git uses. A lock that a killed Sheikh left
 * behind is removed; one of git or of another program never is, since git keeps its lock for as long as a person edits
 * the message of a commit.
 *
 * @throws `locked`.
 */
export async function withIndexLock<R>(
  directory: string,
  work: () => Promise<R>,
  context: CallContext,
  watchMs = staleLockMs,
): Promise<R> {
  const lock = join(directory, 'index.lock')
  while (!(await createExclusively(lock, lockOwner())))
    if (!(await removeLeftLock(lock, context, watchMs)))
      throw new SheikhError(
        'locked',
        `Cannot change the index: "${lock}" exists, so another program is using it, or a program was killed. Remove the file if no program is using the repository.`,
        { facts: { path: lock } },
      )
  const signs = setInterval(() => {
    const now = new Date(context.clock.nowMs())
    // Without it the lock may be taken for left behind, by a program that cannot see this process. It does no other harm.
    utimes(lock, now, now).catch(() => {})
  }, signOfLifeMs)
  signs.unref()
  try {
    await removeLeftTemporaries(directory, context)
    return await work()
  } finally {
    clearInterval(signs)
    await rm(lock, { force: true })
  }
}

async function removeLeftTemporaries(directory: string, { clock }: CallContext): Promise<void> {
  for (const name of (await readdir(directory)).filter(isTemporaryName)) {
    const path = join(directory, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && clock.nowMs() - found.mtimeMs > leftTemporaryMs) await removeQuietly(path)
  }
}
