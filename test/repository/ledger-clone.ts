import { appendFileSync, cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { callContext } from '../../src/core/index.js'
import type { Ledger, LedgerEvent } from '../../src/gate/index.js'
import { type GitBranchLedgerOptions, gitBranchLedger, openGit } from '../../src/repository/git/index.js'
import { git, temporaryFolder, write } from './harness.js'

export const context = callContext()
export const branch = 'refs/heads/sheikh-ledger'
export const seenRef = 'refs/sheikh/ledger-seen'
export const approval = (runId: string): LedgerEvent => ({ type: 'approval', runId, by: 'Ann', reason: 'looked at it' })

export interface Clone {
  readonly root: string
  readonly ledger: Ledger
  /** The same repository, opened anew: nothing is remembered but by Git. */
  again(options?: GitBranchLedgerOptions): Promise<Ledger>
  /** A name's commit; empty where there is none. */
  at(ref: string): string
}

/** A repository with a commit and, where it has a URL, the remote `origin`. */
export async function clone(url?: string, options: GitBranchLedgerOptions = {}): Promise<Clone> {
  const root = join(temporaryFolder(), 'clone')
  cpSync(started(), root, { recursive: true })
  if (url !== undefined)
    // As `git remote add` writes it.
    appendFileSync(
      join(root, '.git/config'),
      `[remote "origin"]\n\turl = ${JSON.stringify(url)}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`,
    )
  const again = async (other = options) => gitBranchLedger(await openGit(root, context), other)
  const at = (ref: string) => git(root, 'for-each-ref', '--format=%(objectname)', ref).trim()
  return { root, ledger: await again(), again, at }
}

/** An empty repository that others push to. */
export function bare(): string {
  const root = join(temporaryFolder(), 'served.git')
  cpSync(served(), root, { recursive: true })
  return root
}

// Copied, which takes a tenth of the time of four starts of git.
const started = once((root) => {
  write(root, 'README.md', 'A project\n')
  git(root, 'init', '--quiet', '--initial-branch=main')
  git(root, 'add', 'README.md')
  git(root, 'commit', '--quiet', '--message=Start')
})
const served = once((root) => {
  git(root, 'init', '--quiet', '--bare', '--initial-branch=main')
  git(root, 'config', 'http.receivepack', 'true')
})

function once(make: (root: string) => void): () => string {
  let made: string | undefined
  return () => {
    // The first test file of a process removes its folders.
    if (made === undefined || !existsSync(made)) {
      made = temporaryFolder()
      make(made)
    }
    return made
  }
}

export const runIds = async (ledger: Ledger) => (await ledger.read(context)).map(({ runId }) => runId)

/** What somebody with the right to push can do: checks the branch out elsewhere, changes it by native git, and pushes it. */
export function tamper(from: string, change: (folder: string) => void): void {
  const folder = join(temporaryFolder(), 'elsewhere')
  git(temporaryFolder(), 'clone', '--quiet', '--single-branch', '--branch=sheikh-ledger', from, folder)
  change(folder)
  git(folder, 'push', '--quiet', '--force', 'origin', 'HEAD:sheikh-ledger')
}

/** A commit on top, whose file holds other lines. */
export function editLines(from: string, change: (lines: readonly string[]) => readonly string[]): void {
  tamper(from, (folder) => {
    const lines = readFileSync(join(folder, 'ledger.jsonl'), 'utf8').trimEnd().split('\n')
    write(
      folder,
      'ledger.jsonl',
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    )
    git(folder, 'commit', '--quiet', '--all', '--message=Nothing to see')
  })
}
