import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { SheikhError } from '../../../core/index.js'
import { createExclusively, writeFileAtomic } from '../../../store/index.js'
import type { Git } from '../git.js'
import { lockOwner } from '../stale-lock.js'

// git waits for 100 ms too (core.filesRefLockTimeout).
const lockAttempts = 5
const lockPauseMs = 25

/** `Git.moveRef`, by the lock file that git uses. */
export async function moveRefByLock(
  git: Git,
  ref: string,
  next: string,
  expected: string | undefined,
): Promise<boolean> {
  const folder = git.commonDirectory
  const path = join(folder, ref)
  const lock = `${path}.lock`
  // The temporary file not beside it: git takes what is below refs/ for names.
  for (let attempt = 1; !(await createExclusively(lock, lockOwner(), { temporaryFolder: folder })); attempt += 1) {
    if (attempt === lockAttempts)
      throw new SheikhError(
        'locked',
        `Cannot move "${ref}": "${lock}" exists, so another program is at work, or one was killed. Remove the file if none is.`,
        { facts: { path: lock } },
      )
    await setTimeout(lockPauseMs)
  }
  try {
    if ((await git.readRef(ref)) !== expected) return false
    await writeFileAtomic(path, `${next}\n`, { temporaryFolder: folder })
    return true
  } finally {
    await rm(lock, { force: true })
  }
}
