import { randomUUID } from 'node:crypto'
import { type CallContext, messageOf, SheikhError } from '../../core/index.js'
import { changedTree } from './changed-tree.js'
import { secondsOf } from './commit.js'
import type { Author, Git, TreeItem } from './git.js'

const fileName = 'ledger.jsonl'
/** Commits an entry that a run wrote where Git knows nobody. Who decided something is in the entry itself. */
const machine = { name: 'Sheikh', email: 'sheikh@localhost' }

/** The ledger's file on the branch. @param prefix the project's folder below the repository's root; empty where it is the root. */
export const ledgerPath = (prefix: string) => (prefix === '' ? fileName : `${prefix}/${fileName}`)

/** The lines of a ledger's file as of a commit; `undefined` where it has none. @throws `artifact-corrupt`; `invalid-config` where the branch holds other things. */
export async function readLedgerFile(git: Git, commit: string, path: string): Promise<readonly string[] | undefined> {
  const top = await whole(commit, () => git.readTree(commit))
  const stranger = top.find(({ path: name, type }) => type !== 'tree' && name !== fileName)
  if (stranger !== undefined)
    throw new SheikhError(
      'invalid-config',
      `Cannot keep the ledger on its branch: commit ${commit} contains "${stranger.path}", so the branch has another purpose. Choose another branch (ledger: { branch: … } in mlops/pipeline.yaml).`,
      { facts: { commit, path: stranger.path } },
    )
  // At the top of the branch the entry is known by now.
  const entry =
    path === fileName
      ? top.find(({ type }) => type !== 'tree')
      : (await whole(commit, () => git.tree(commit, [path]))).get(path)
  if (entry === undefined) return undefined
  return linesOf(await whole(commit, () => git.readBlob(entry.oid)), commit)
}

/** An object that is missing or damaged is a ledger that nobody can trust. */
async function whole<R>(commit: string, read: () => Promise<R>): Promise<R> {
  try {
    return await read()
  } catch (error) {
    throw corrupt(commit, messageOf(error).replace(/\.$/, ''), error)
  }
}

function linesOf(blob: Uint8Array, commit: string): readonly string[] {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(blob)
  } catch {
    throw corrupt(commit, 'it is not UTF-8')
  }
  const lines = text.split('\n')
  if (lines.pop() !== '') throw corrupt(commit, 'its last line is incomplete')
  return lines
}

/** All that decides a commit's name. Plain JSON. */
export interface LedgerCommit {
  /** The commit that it comes after. */
  readonly parent?: string | undefined
  readonly path: string
  readonly lines: readonly string[]
  readonly message: string
  readonly author: Author
  /** Seconds since 1970. */
  readonly timestamp: number
}

export async function ledgerCommit(
  git: Git,
  { subject, ...content }: Pick<LedgerCommit, 'parent' | 'path' | 'lines'> & { readonly subject: string },
  context: CallContext,
): Promise<LedgerCommit> {
  // Two writers of the same event at the same moment must not write the same commit: each would take it for its own.
  const message = `${subject}\n\nWriter: ${randomUUID()}\n`
  return { ...content, message, author: (await git.author()) ?? machine, timestamp: secondsOf(context) }
}

/** Writes the commit's objects; no name points at them yet. */
export async function writeLedgerCommit(git: Git, commit: LedgerCommit): Promise<string> {
  const { parent, path, lines, message, author, timestamp } = commit
  const blob = await git.writeBlob(Buffer.from(lines.map((line) => `${line}\n`).join('')))
  const entry: TreeItem = { mode: '100644', path, oid: blob, type: 'blob' }
  const tree = await changedTree(git, parent, new Map([[path, entry]]))
  return git.writeCommit({ message, tree, parents: parent === undefined ? [] : [parent], author, timestamp })
}

const corrupt = (commit: string, fact: string, cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust the ledger at commit ${commit}: ${fact}. Restore it from a backup.`,
    {
      facts: { commit },
      cause,
    },
  )
