import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A folder that all test files share, such as a project with a release: whoever needs it first makes it. Copy it before
 * anything in it changes. It is gone when the tests have ended.
 */
export async function madeOnce(name: string, make: (folder: string) => Promise<unknown>): Promise<string> {
  const folder = join(tmpdir(), `once-${name}`)
  if (existsSync(folder)) return folder
  const making = await mkdtemp(join(tmpdir(), 'making-'))
  await make(making)
  // Another worker may make the same. The first to end is kept.
  await rename(making, folder).catch(async (error: unknown) => {
    await rm(making, { recursive: true })
    if (!existsSync(folder)) throw error
  })
  return folder
}
