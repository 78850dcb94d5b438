import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Commits everything below a folder with the program git, as the author of the test's settings. `Repository.commit` looks
 * for what a run reads, which takes four times as many starts of git. @returns the commit's id.
 */
export function commitAll(folder: string, message = 'Change'): string {
  const git = (...parameters: readonly string[]) =>
    execFileSync('git', ['-c', 'maintenance.auto=false', ...parameters], { cwd: folder, encoding: 'utf8' })
  git('add', '--all', '.')
  git('commit', '--quiet', '--message', message)
  return headInFiles(folder) ?? git('rev-parse', 'HEAD').trim()
}

/** The commit of HEAD, if the folder has a `.git` in which the branch has a file. */
function headInFiles(root: string): string | undefined {
  try {
    const [, ref] = /^ref: (.+)\n$/.exec(readFileSync(join(root, '.git/HEAD'), 'utf8')) ?? []
    return readFileSync(join(root, '.git', ref!), 'utf8').trim()
  } catch {
    return undefined
  }
}
