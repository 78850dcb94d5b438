import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../store/index.js'
import type { Git } from './git.js'
import { type LedgerCommit, writeLedgerCommit } from './ledger-file.js'
import { removeDamagedObject } from './loose-object.js'

const copyPath = ({ commonDirectory }: Git) => join(commonDirectory, 'sheikh', 'ledger-commit.json')

/** Keeps what the last commit of the ledger is made of, in case a power failure damages Git's objects. */
export async function keepCopy(git: Git, oid: string, commit: LedgerCommit): Promise<void> {
  await writeFileAtomic(copyPath(git), JSON.stringify({ oid, commit }))
}

/**
 * Writes the objects of the kept commit again, if one of these refs points at it and they are damaged or missing.
 *
 * @returns whether the commit, under the same name, is readable now.
 */
export async function restoreFromCopy(git: Git, refs: readonly string[]): Promise<boolean> {
  const copy = await readCopy(git)
  if (copy === undefined) return false
  const tips = await Promise.all(refs.map((ref) => git.readRef(ref)))
  if (!tips.includes(copy.oid)) return false
  const rewriting = (write: () => Promise<string>) => async () => {
    const oid = await write()
    return (await removeDamagedObject(git, oid)) ? write() : oid
  }
  const repairing: Git = {
    ...git,
    writeBlob: (content) => rewriting(() => git.writeBlob(content))(),
    writeTree: (items) => rewriting(() => git.writeTree(items))(),
    writeCommit: (commit) => rewriting(() => git.writeCommit(commit))(),
  }
  try {
    return (await writeLedgerCommit(repairing, copy.commit)) === copy.oid
  } catch {
    // The commits before it are damaged too. The caller reports the error that it had.
    return false
  }
}

async function readCopy(git: Git): Promise<{ readonly oid: string; readonly commit: LedgerCommit } | undefined> {
  try {
    return JSON.parse(await readFile(copyPath(git), 'utf8'))
  } catch {
    return undefined
  }
}
