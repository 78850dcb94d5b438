import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import type { Repository } from '../../src/repository/index.js'

const folders: string[] = []
// Here and not where a folder is made: a hook that is added while a test runs is never called.
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is removed when the file's tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-repository-'))
  folders.push(folder)
  return folder
}

export function write(root: string, path: string, content: string | Uint8Array = path): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

/** Native git, with nobody's configuration but the repository's own. */
export function git(root: string, ...parameters: readonly string[]): string {
  return execFileSync('git', ['-c', 'maintenance.auto=false', ...parameters], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: root,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Native',
      GIT_AUTHOR_EMAIL: 'native@localhost',
      GIT_COMMITTER_NAME: 'Native',
      GIT_COMMITTER_EMAIL: 'native@localhost',
    },
  })
}

/** What native git says that differs: empty where work tree, index and HEAD agree. */
export const gitStatus = (root: string) => git(root, 'status', '--porcelain', '--untracked-files=all')

/** What is wrong with the repository: native git's own check throws. */
export const gitCheck = (root: string) => git(root, 'fsck', '--strict', '--full')

/** Files that a run reads and that differ from the commit. */
export const dirtyPaths = async (repository: Repository) => (await repository.load()).dirtyPaths()
