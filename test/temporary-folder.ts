import { statfsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made = Symbol.for('sheikh-freemium.temporary-folder')

/** Of which the tests need less than a third. */
const enoughBytes = 2 ** 31

/** In memory where TMPDIR names nothing else: a flush there takes no time. */
function parentFolder(): string {
  if (process.env['TMPDIR'] !== undefined) return tmpdir()
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    return bavail * bsize >= enoughBytes ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}

/**
 * What tests make in the folder for temporary files is in one of its own, and gone when they have ended. Git looks for no
 * repository above it.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Each project of vitest.config.ts calls this. A folder in a folder for each would make long paths.
  if (made in globalThis) return undefined
  Object.assign(globalThis, { [made]: true })
  const { TMPDIR: before, GIT_CEILING_DIRECTORIES: ceilings } = process.env
  const folder = await mkdtemp(join(parentFolder(), 'sheikh-tests-'))
  Object.assign(process.env, { TMPDIR: folder, GIT_CEILING_DIRECTORIES: folder })
  return async () => {
    for (const [name, value] of Object.entries({ TMPDIR: before, GIT_CEILING_DIRECTORIES: ceilings }))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
