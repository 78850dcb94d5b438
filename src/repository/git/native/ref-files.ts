// A file holds what a program would have to be started for, and git writes it whole. Anything unusual is left to git.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../../store/index.js'

/** Refs that each linked work tree has for itself, and names with characters that need care. */
const isPlainName = (ref: string) =>
  /^refs(\/[\w-][\w.-]*)+$/.test(ref) && !/^refs\/(bisect|worktree|rewritten)\//.test(ref)

/**
 * The commit that a ref points at, from its own file or from `packed-refs`. `absent`: the ref does not exist. `undefined`:
 * the files do not tell, because the ref is symbolic, damaged or kept in another format.
 *
 * @param directory the folder of HEAD. @param commonDirectory the folder of shared refs.
 */
export async function refInFiles(
  directory: string,
  commonDirectory: string,
  ref: string,
): Promise<string | 'absent' | undefined> {
  if (!isPlainName(ref)) return undefined
  // In this order: git writes packed-refs before it removes the file of a ref.
  const own = await textOf(join(commonDirectory, ref))
  if (own !== 'absent') return /^([0-9a-f]{40}|[0-9a-f]{64})\n$/.exec(own ?? '')?.[1]
  const packed = await textOf(join(commonDirectory, 'packed-refs'))
  if (packed === undefined) return undefined
  const line = packed.split('\n').find((text) => text.endsWith(` ${ref}`))
  if (line !== undefined) return line.slice(0, line.indexOf(' '))
  // The format reftable has neither file.
  return (await branchInHead(directory)) !== undefined || packed !== 'absent' ? 'absent' : undefined
}

/** The branch in the file HEAD. `undefined`: HEAD is detached, or the file does not tell, as with reftable. */
export async function branchInHead(directory: string): Promise<string | undefined> {
  const ref = /^ref: (refs\/heads\/.+)\n$/.exec((await textOf(join(directory, 'HEAD'))) ?? '')?.[1]
  return ref === 'refs/heads/.invalid' ? undefined : ref
}

/** `absent`: there is no such file. `undefined`: it cannot be read. */
async function textOf(path: string): Promise<string | 'absent' | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => (errnoOf(error) === 'ENOENT' ? 'absent' : undefined))
}
